"""Conversion: from any source of images to a dataset or a benchmark directory; the image bytes stay the same."""
