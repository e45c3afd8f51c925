"""The images of lowest and of highest quality, and the magnitudes of their embeddings.

Shape suffixes: N pairs, I images, H and W pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.images.decode import decode_image
from femb_cli.data.source import ImageSource
from femb_cli.evaluation.metrics.quality import magnitudes
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.evaluation.verification.score import EmbeddedPairs

_NORMALISED = 1e-3
"""Magnitudes that all differ less than this from the first one are of normalised embeddings."""


@dataclass(frozen=True, eq=False)
class PicturedImage:
    """An image of the pairs with its quality.

    Attributes:
        name: its name in the list of pairs.
        quality: its quality, higher is better.
        image_HW3: its pixels, uint8 RGB.
    """

    name: str
    quality: float
    image_HW3: NDArray[np.uint8]


def used_magnitudes(embedded: EmbeddedPairs) -> NDArray[np.float64]:
    """Return the magnitude of the embedding of each image of the pairs, once, float64 (I,)."""
    used = np.unique(np.concatenate((embedded.left_P, embedded.right_P)))
    return magnitudes(embedded.embeddings_ND)[used]


def are_normalised(magnitudes_I: NDArray[np.float64]) -> bool:
    """Whether magnitudes are all equal, so that they say nothing about quality."""
    return bool(np.ptp(magnitudes_I) <= _NORMALISED * magnitudes_I.max())


def extreme_images(
    pairs: PairList, images: ImageSource, quality_2N: NDArray[np.float64], count: int = 8
) -> tuple[list[PicturedImage], list[PicturedImage]]:
    """Read the images of lowest and of highest quality.

    Args:
        pairs: the pairs.
        images: their images.
        quality_2N: quality of the left and of the right image of each pair.
        count: number of images of each kind, or fewer if there are fewer than twice as many.

    Returns:
        The images of lowest quality, the lowest first, and those of highest quality, the highest first.

    Raises:
        FembError: an image cannot be read.
    """
    places_2N = np.stack(pairs.indices(images.names))
    places_I, first_I = np.unique(places_2N, return_index=True)
    quality_I = quality_2N.ravel()[first_I]
    order = np.argsort(quality_I, kind="stable")
    most = min(count, len(order) // 2)

    def picture(row: int) -> PicturedImage:
        side, number = divmod(int(first_I[row]), len(pairs))
        name, place = (pairs.left, pairs.right)[side][number], int(places_I[row])
        return PicturedImage(name, float(quality_I[row]), decode_image(images.read(place), name=name))

    lowest, highest = order[:most].tolist(), order[::-1][:most].tolist()
    return [picture(row) for row in lowest], [picture(row) for row in highest]
