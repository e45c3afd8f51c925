"""Data: sources of images, the on-disk data set, and the way of an image to the network."""
