"""Files of embeddings: the formats, read and written, and what a file says about its network."""
