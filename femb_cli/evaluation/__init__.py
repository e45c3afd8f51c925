"""Evaluation: pairs, scores and figures, without a network."""
