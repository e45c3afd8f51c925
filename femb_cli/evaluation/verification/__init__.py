"""Verification: pairs of images, their scores, and the result with its metrics."""
