"""The files of official checkpoints: which belong together, and how to read them without running their code."""
