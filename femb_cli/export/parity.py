"""Compare an exported network with the original."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from femb_cli.data.images.decode import decode_image
from femb_cli.data.synthetic.faces import photograph
from femb_cli.errors import FembError
from femb_cli.inference.embedder import Embedder

TOLERANCE = 1e-4
"""Largest difference between the exported network and torch with the same weights, relative to the largest entry."""

BATCHES = (1, 3, 64)
NUM_IMAGES = max(BATCHES)
_SEED = 0


@dataclass(frozen=True)
class Comparison:
    """How an exported network compares with the original.

    Attributes:
        num_images: number of images that were compared.
        relative_difference: largest difference from torch with the same weights over batches of `BATCHES` images, as a
            share of the largest entry; None for int8, which torch does not compute.
        mean_cosine: mean cosine with the original's embedding of each image; None if the weights are the original's.
        least_cosine: the smallest of these cosines, or None.
    """

    num_images: int
    relative_difference: float | None
    mean_cosine: float | None
    least_cosine: float | None


@cache
def check_images(size: int) -> Tensor:
    """Return drawn faces, uint8 RGB (64, size, size, 3), the same on every machine."""
    faces = (photograph(_SEED, identity, 0, size).jpeg for identity in range(NUM_IMAGES))
    return torch.from_numpy(np.stack([decode_image(jpeg, size) for jpeg in faces]))


def largest_difference(expected: Embedder, exported: Embedder, images_BHW3: Tensor) -> float:
    """Return the largest relative difference over batches of `BATCHES` images.

    Raises:
        FembError: it is above `TOLERANCE`.
    """
    largest = 0.0
    for batch in BATCHES:
        wanted_BD, found_BD = expected(images_BHW3[:batch]), exported(images_BHW3[:batch])
        difference = ((found_BD - wanted_BD).abs().max() / wanted_BD.abs().max()).item()
        # "not <=" instead of ">", so that a difference of NaN is refused, too.
        if not difference <= TOLERANCE:
            raise FembError(
                f"the exported network differs from the original by {difference:.2g} (relative, batch of {batch})"
            )
        largest = max(largest, difference)
    return largest


def cosines(original: Embedder, exported: Embedder, images_BHW3: Tensor) -> Tensor:
    """Return the cosine of the two embeddings of each image, (B,), float64.

    Raises:
        FembError: an embedding is not finite.
    """
    pairs = ((original(batch).double(), exported(batch).double()) for batch in images_BHW3.split(NUM_IMAGES))
    cosines_B = torch.cat([torch.cosine_similarity(*pair) for pair in pairs])
    if not cosines_B.isfinite().all():
        raise FembError("the exported network gives embeddings that are not finite")
    return cosines_B
