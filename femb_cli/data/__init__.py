"""Data: sources of images, the on-disk dataset, and the way of an image to the network."""
