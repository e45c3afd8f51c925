"""Softmax without a margin, the baseline: logit = <w, x>, the inner product of raw class weight and raw embedding."""

from femb_cli.headers.header import Header


class Linear(Header):
    """Softmax without a margin, scale or normalisation."""

    normalized = False
