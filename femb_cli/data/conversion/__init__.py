"""Conversion: from any source to a training set or a benchmark directory, image bytes unchanged."""
