"""Metrics: numbers computed from scores, embeddings or qualities, without images, files or networks."""
