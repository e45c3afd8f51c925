"""The fingerprint of a network: its embedding of one fixed image, stored in the card and compared on loading.

A wrong batch-norm epsilon, colour order or pixel range leaves the names and shapes of the tensors unchanged, but it
changes the embedding. The image is a formula over integers, so that it is the same on every machine:

    pixel(row, column, channel) = ((channel + 1) row^2 + 3 row column + 7 (3 - channel) column) // 16 mod 256
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.fingerprint import (
    TOLERANCE,
    deviation,
    fingerprint_from_text,
    fingerprint_to_text,
)


def fingerprint(network: Callable[[Tensor], Tensor], preprocessing: Preprocessing) -> str:
    """Embed the fixed image and return the embedding as a string.

    Args:
        network: preprocessed images (B, 3, H, W) to embeddings (B, D), on the CPU, in float32; a module in
            training mode is put into evaluation mode for this call.
        preprocessing: what the network expects of its images.

    Raises:
        FembError: the embedding is not finite.
    """
    embedding_D = _embed_fixed_image(network, preprocessing)
    if not np.isfinite(embedding_D).all():
        raise FembError("the network's embedding of a test image is not finite: its weights overflow")
    return fingerprint_to_text(embedding_D)


def check_fingerprint(
    network: Callable[[Tensor], Tensor], preprocessing: Preprocessing, expected: str, where: str
) -> None:
    """Check that a network's embedding of the fixed image equals the fingerprint in its card, up to rounding.

    Args:
        network: see `fingerprint`.
        preprocessing: see `fingerprint`.
        expected: the fingerprint in the card.
        where: the file that the network comes from, for error messages.

    Raises:
        FembError: the embedding differs by more than rounding, or `expected` is not a fingerprint.
    """
    try:
        expected_D = fingerprint_from_text(expected)
    except ValueError as error:
        raise FembError(f"{where} has a damaged fingerprint: {error}") from error
    found_D = _embed_fixed_image(network, preprocessing)
    if found_D.shape != expected_D.shape:
        raise FembError(
            f"{where} gives embeddings of {len(found_D)} numbers, but its fingerprint has {len(expected_D)}"
        )
    off = deviation(found_D, expected_D)
    # "not <=" instead of ">", so that a deviation of NaN is refused, too.
    if not off <= TOLERANCE:
        raise FembError(
            f"{where} does not match its fingerprint: its embedding of the test image is off by {off:.1e} of the"
            f" largest entry, and rounding causes less than {TOLERANCE:.0e}",
            hint="its tensors or its settings (epsilon, colours, mean, std) were changed; convert or copy it again",
        )


def fixed_image(size: int) -> Tensor:
    """Return the image that every network embeds: uint8 (1, size, size, 3)."""
    row = torch.arange(size)[:, None, None]
    column = torch.arange(size)[None, :, None]
    channel = torch.arange(3)[None, None, :]
    values_HW3 = (channel + 1) * row**2 + 3 * row * column + 7 * (3 - channel) * column
    return (values_HW3 // 16 % 256).to(torch.uint8)[None]


@torch.inference_mode()
def _embed_fixed_image(network: Callable[[Tensor], Tensor], preprocessing: Preprocessing) -> NDArray[np.float32]:
    images_B3HW = preprocessing(fixed_image(preprocessing.input_size))
    if not isinstance(network, nn.Module):
        return network(images_B3HW)[0].numpy()
    was_training = network.training
    try:
        return network.eval()(images_B3HW)[0].numpy()
    finally:
        network.train(was_training)
