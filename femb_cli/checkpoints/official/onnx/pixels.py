"""What the network inside an ONNX graph expects of its images: what the graph does with them, and what is stated."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.checkpoints.official.onnx.network import OnnxNetwork
from femb_cli.checkpoints.stated_pixels import StatedPixels
from femb_cli.data.images.preprocess import Preprocessing

USUAL = Preprocessing()
"""What insightface's networks expect: RGB, mean 0.5, std 0.5."""


def onnx_preprocessing(network: OnnxNetwork, stated: StatedPixels | None) -> Preprocessing:
    """Return what the network expects, without what the graph does before it.

    Args:
        network: the network, with what the graph does with its input.
        stated: what is stated of the graph's input; None to take the input of insightface's networks.
    """
    size, front = network.config.input_size, network.front
    if stated is None:
        return Preprocessing(
            size, "BGR" if front.swaps_colours else "RGB", network.mean or USUAL.mean, network.std or USUAL.std
        )
    given = stated.preprocessing(size)
    is_bgr = (given.channel_order == "BGR") != front.swaps_colours
    # The graph computes scale * (x - mean) / std + shift, whose mean is mean - shift * std / scale.
    std = np.array(given.std)[list(front.order)] / front.scale
    mean = np.array(given.mean)[list(front.order)] - np.array(front.shift) * std
    return Preprocessing(size, "BGR" if is_bgr else "RGB", _three(mean), _three(std))


def describe_pixels(preprocessing: Preprocessing) -> str:
    """Return the order of the colours and the formula of the values, where x is a pixel from 0 to 255."""
    mean, std = (
        f"{values[0]:g}" if len(set(values)) == 1 else f"({', '.join(f'{value:g}' for value in values)})"
        for values in (preprocessing.mean, preprocessing.std)
    )
    return f"{preprocessing.channel_order}, (x / 255 - {mean}) / {std}"


def _three(values: NDArray[Any]) -> tuple[float, float, float]:
    """Return three numbers with the digits that float32 holds."""
    first, second, third = (float(f"{value:.7g}") + 0.0 for value in values)
    return first, second, third
