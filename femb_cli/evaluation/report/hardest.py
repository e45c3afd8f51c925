"""The pairs that a model gets most wrong, and their pictures.

Shape suffixes: N pairs, H and W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.evaluation.metrics.roc import checked_scores


@dataclass(frozen=True, eq=False)
class PicturedPair:
    """A pair with its images.

    Attributes:
        left: name of the first image.
        right: name of the second image.
        genuine: whether both show one person.
        score: its score.
        left_HW3: the first image, uint8 RGB.
        right_HW3: the second image, uint8 RGB.
    """

    left: str
    right: str
    genuine: bool
    score: float
    left_HW3: NDArray[np.uint8]
    right_HW3: NDArray[np.uint8]


def hardest_pairs(
    scores_N: ArrayLike, genuine_N: ArrayLike, count: int = 6
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the genuine pairs of lowest score and the impostor pairs of highest score.

    Args:
        scores_N: similarity of each pair, finite.
        genuine_N: true where both images show the same person.
        count: how many of each kind, or fewer where there are fewer.

    Returns:
        Places of the genuine and of the impostor pairs in the list, int64, the hardest first; of equal scores, the
        earlier first.

    Raises:
        FembError: as `checked_scores`.
    """
    scores, genuine = checked_scores(scores_N, genuine_N)
    genuine_places, impostor_places = np.flatnonzero(genuine), np.flatnonzero(~genuine)
    lowest = np.argsort(scores[genuine_places], kind="stable")[:count]
    highest = np.argsort(-scores[impostor_places], kind="stable")[:count]
    return genuine_places[lowest], impostor_places[highest]


def split_by_kind(pairs: Sequence[PicturedPair]) -> list[tuple[str, list[PicturedPair]]]:
    """Return the genuine and the impostor pairs under a title each, without a kind that has none."""
    kinds = [
        ("genuine pairs of lowest score", [pair for pair in pairs if pair.genuine]),
        ("impostor pairs of highest score", [pair for pair in pairs if not pair.genuine]),
    ]
    return [(title, members) for title, members in kinds if members]
