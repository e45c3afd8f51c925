"""Evaluation: compute scores, metrics and reports from pairs and embeddings, without running a network."""
