"""Whether embeddings from several files come from one network, so that they can be compared.

Shape suffix: D embedding dimension.
"""

import base64
import binascii
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.evaluation.embeddings.read import StoredEmbeddings

TOLERANCE = 1e-4
"""Largest deviation of two fingerprints of one network, as a share of the largest entry: as in a checkpoint's check."""


@dataclass(frozen=True)
class Origins:
    """What is known about the networks of two files.

    Attributes:
        unknown: a sentence that names the files that say nothing about their network; empty if there are none.
        warning: a sentence about what makes the comparison doubtful; empty if nothing does.
    """

    unknown: str
    warning: str


def compare_origins(one: StoredEmbeddings, other: StoredEmbeddings) -> Origins:
    """Check that the embeddings of two files can be compared.

    Raises:
        FembError: they come from two networks.
    """
    first, second = one.description, other.description
    if first is None or second is None:
        unknown = dict.fromkeys(str(stored.path) for stored in (one, other) if stored.description is None)
        return Origins(f"nothing is known about the model of {' and '.join(unknown)}", "")
    if not _is_same(first, second):
        raise FembError(
            f"{one.path} and {other.path} come from two networks: {first.model} and {second.model}",
            hint="embed both with one model: embeddings of two networks cannot be compared",
        )
    if first.flip == second.flip:
        return Origins("", "")
    flips = f"{one.path} was embedded with flip {first.flip}, {other.path} with flip {second.flip}"
    return Origins("", f"{flips}: embed both with --flip, or both without")


def _is_same(one: Description, other: Description) -> bool:
    """Compare the weights; if they differ, compare the fingerprints, which tell rounding from change."""
    if one.weights == other.weights:
        return True
    one_D, other_D = _fingerprint(one), _fingerprint(other)
    if one_D is None or other_D is None or one_D.shape != other_D.shape:
        return False
    return bool(np.abs(one_D - other_D).max() <= TOLERANCE * np.abs(one_D).max())


def _fingerprint(description: Description) -> NDArray[np.float32] | None:
    """Return the fingerprint as numbers (D,); None if there is none."""
    try:
        numbers_D = np.frombuffer(base64.b64decode(description.fingerprint, validate=True), dtype="<f4")
    except (binascii.Error, ValueError):
        return None
    return numbers_D if len(numbers_D) else None
