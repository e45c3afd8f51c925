"""Finding faces among stored embeddings: the nearest ones, and those of one person together."""
