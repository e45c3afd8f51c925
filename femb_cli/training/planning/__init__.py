"""Plan a training from its arguments: configuration, data, size, and the checkpoint that a resumed run loads."""
