"""Evaluation: from pairs and embeddings to scores, metrics and reports, without a network."""
