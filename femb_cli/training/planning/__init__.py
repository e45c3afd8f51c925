"""From the arguments of a training to its configuration, its data, its size and the checkpoint that it goes on from."""
