"""The training loader: shuffled batches, decoded ahead of the network."""
