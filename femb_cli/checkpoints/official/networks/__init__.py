"""The networks of the official checkpoints: how to recognise each, and its tensors under femb's names."""
