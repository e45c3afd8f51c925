"""The hardest pairs of a verification, and their images.

Shape suffixes: N pairs, H and W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.data.images.decode import decode_image
from femb_cli.data.source import ImageSource
from femb_cli.evaluation.metrics.roc import checked_scores
from femb_cli.evaluation.verification.result import Verification


@dataclass(frozen=True, eq=False)
class PicturedPair:
    """A pair with its images.

    Attributes:
        left: name of the first image.
        right: name of the second image.
        genuine: whether both show the same person.
        score: cosine of their embeddings.
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
    """Find the genuine pairs with the lowest scores and the impostor pairs with the highest scores.

    Args:
        scores_N: similarity of each pair, finite.
        genuine_N: true where both images show the same person.
        count: number of pairs of each kind, or fewer if there are fewer.

    Returns:
        Indices of the genuine and of the impostor pairs, int64, the hardest first. Of equal scores, the earlier pair
        comes first.

    Raises:
        FembError: as `checked_scores`.
    """
    scores, genuine = checked_scores(scores_N, genuine_N)
    genuine_indices, impostor_indices = np.flatnonzero(genuine), np.flatnonzero(~genuine)
    lowest = np.argsort(scores[genuine_indices], kind="stable")[:count]
    highest = np.argsort(-scores[impostor_indices], kind="stable")[:count]
    return genuine_indices[lowest], impostor_indices[highest]


def picture_pairs(result: Verification, images: ImageSource, indices: NDArray[np.int64]) -> list[PicturedPair]:
    """Read the images of some pairs.

    Args:
        result: the verification.
        images: the images of its pairs.
        indices: which pairs, int64.

    Raises:
        FembError: an image cannot be read.
    """
    pairs = result.pairs
    left_N, right_N = pairs.indices(images.names)
    return [
        PicturedPair(
            left=pairs.left[index],
            right=pairs.right[index],
            genuine=bool(pairs.genuine_N[index]),
            score=float(result.scores_N[index]),
            left_HW3=decode_image(images.read(int(left_N[index])), name=pairs.left[index]),
            right_HW3=decode_image(images.read(int(right_N[index])), name=pairs.right[index]),
        )
        for index in indices.tolist()
    ]


def split_by_kind(pairs: Sequence[PicturedPair]) -> list[tuple[str, list[PicturedPair]]]:
    """Return the genuine and the impostor pairs with a title each; a kind without pairs is left out."""
    kinds = [
        ("genuine pairs with the lowest scores", [pair for pair in pairs if pair.genuine]),
        ("impostor pairs with the highest scores", [pair for pair in pairs if not pair.genuine]),
    ]
    return [(title, members) for title, members in kinds if members]
