"""Procedural faces: drawing them, and the training set and the benchmark that femb builds from them."""
