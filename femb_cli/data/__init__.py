"""Images and identities: reading them from any source, converting them to a dataset, and loading them for training."""
