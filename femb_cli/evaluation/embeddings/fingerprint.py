"""The fingerprint of a network, its embedding of one fixed image, as text, and how far two fingerprints are apart.

The text is the embedding's float32 numbers, little endian, in base64. It is exact, and takes 2.7 kB for 512 numbers.

Shape suffix: D embedding dimension.
"""

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-4
"""Largest deviation of one network, as a share of the embedding's largest entry. Rounding (threads, memory formats,
other kernels) causes 4e-6 at most. The smallest wrong setting causes 8e-4: epsilon 2e-5 instead of 1e-5 in a
MobileFaceNet."""

SMALLEST = 1e-30
"""Added to the largest entry, to avoid a division by zero if the embedding is all zeros."""


def fingerprint_to_text(embedding_D: NDArray[np.float32]) -> str:
    """Return the text of an embedding."""
    return base64.b64encode(embedding_D.astype("<f4").tobytes()).decode("ascii")


def fingerprint_from_text(text: str) -> NDArray[np.float32]:
    """Return the embedding of a text, float32 (D,).

    Raises:
        ValueError: the text is not a fingerprint, or is empty.
    """
    try:
        numbers_D = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    if not len(numbers_D):
        raise ValueError("it is empty")
    return numbers_D


def deviation(found_D: NDArray[np.float32], expected_D: NDArray[np.float32]) -> float:
    """Return the largest difference as a share of the expected embedding's largest entry; NaN if a number is NaN."""
    return float(np.abs(found_D - expected_D).max()) / (float(np.abs(expected_D).max()) + SMALLEST)
