"""A fingerprint: what a network answers for one fixed image, kept in its card and compared when it is loaded.

Names and shapes of tensors say nothing about a batch norm's epsilon, the colour order or the range of the pixels; the
embedding does. The image is made by a formula over integers, so it is the same everywhere:

    pixel(row, column, channel) = ((channel + 1) row^2 + 3 row column + 7 (3 - channel) column) // 16 mod 256

The text is the embedding's float32 numbers, little endian, in base64: exact, and 2.7 kB for 512 of them.
"""

import base64
import binascii
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.backbones import Backbone
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError

TOLERANCE = 1e-4
"""Largest deviation, as a share of the embedding's largest entry. Rounding (threads, memory formats, other kernels)
makes 4e-6 at most, the smallest mistake in the settings 8e-4 (epsilon 2e-5 for 1e-5 in a MobileFaceNet)."""

SMALLEST = 1e-30
"""What an embedding of zeros is compared with."""


def fingerprint(network: Backbone, preprocessing: Preprocessing) -> str:
    """The embedding of the fixed image as text.

    Args:
        network: preprocessed images (B, 3, H, W) to embeddings (B, D), on the CPU, in float32; its mode is kept.
        preprocessing: what it expects of its images.

    Raises:
        FembError: the embedding is not finite, so that nothing could be compared with it.
    """
    answer_D = _answer(network, preprocessing)
    if not np.isfinite(answer_D).all():
        raise FembError("the network embeds a fixed image in numbers that are not finite: its weights overflow")
    return base64.b64encode(answer_D.astype("<f4").tobytes()).decode("ascii")


def check_fingerprint(network: Backbone, preprocessing: Preprocessing, stated: str, where: str) -> None:
    """Compare a network's answer with the one that its card states.

    Raises:
        FembError: the network answers otherwise, or the text is no fingerprint; `where` names the file.
    """
    expected_D = _read(stated, where)
    answer_D = _answer(network, preprocessing)
    if answer_D.shape != expected_D.shape:
        raise FembError(f"{where} embeds in {len(answer_D)} numbers, but its fingerprint has {len(expected_D)}")
    largest = float(np.abs(expected_D).max()) + SMALLEST
    deviation = float(np.abs(answer_D - expected_D).max()) / largest
    # Written so that a deviation that is no number is refused, too.
    if not deviation <= TOLERANCE:
        raise FembError(
            f"{where} does not answer as its fingerprint says: off by {deviation:.1e} of the largest entry, where"
            f" rounding makes less than {TOLERANCE:.0e}",
            hint="its tensors or its settings (epsilon, colours, mean, std) were changed; convert or copy it again",
        )


def fixed_image(size: int) -> Tensor:
    """The image that every network is asked about: uint8 (1, size, size, 3)."""
    row = torch.arange(size)[:, None, None]
    column = torch.arange(size)[None, :, None]
    channel = torch.arange(3)[None, None, :]
    values_HW3 = (channel + 1) * row**2 + 3 * row * column + 7 * (3 - channel) * column
    return (values_HW3 // 16 % 256).to(torch.uint8)[None]


@torch.inference_mode()
def _answer(network: Backbone, preprocessing: Preprocessing) -> NDArray[np.float32]:
    to_input = replace(preprocessing, input_size=network.input_size)
    was_training = network.training
    network.eval()
    try:
        return network(to_input(fixed_image(network.input_size)))[0].numpy()
    finally:
        network.train(was_training)


def _read(text: str, where: str) -> NDArray[np.float32]:
    try:
        numbers = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    except (binascii.Error, ValueError) as error:
        raise FembError(f"{where} has a damaged fingerprint: {error}") from error
    if not len(numbers):
        raise FembError(f"{where} has an empty fingerprint")
    return numbers
