"""Metrics: numbers from scores, without images, files or networks."""
