"""What an ONNX graph does with the pixels before its first convolution: layout, order of colours, mean and std.

femb computes these nodes on a few random pixels, so that it does not matter how an exporter writes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from femb_cli.checkpoints.official.onnx.graph import OnnxGraph
from femb_cli.checkpoints.official.onnx.part import compute_part
from femb_cli.errors import FembError

CHANNELS = 3
ANY_SIZE = 16
"""Height and width of the random pixels for a graph whose input size is not fixed."""
TOLERANCE = 1e-9
"""Largest deviation from a formula, as a share of the largest number; rounding in float64 causes 1e-14."""


@dataclass(frozen=True)
class Front:
    """What a graph computes of its input: result[c] = scale[c] * input[order[c]] + shift[c], for the channels c.

    Attributes:
        is_channels_last: whether the input is (B, H, W, 3) instead of (B, 3, H, W).
        order: the channel of the input that each channel of the network takes: (0, 1, 2) or (2, 1, 0).
        scale: factor of each channel.
        shift: summand of each channel.
    """

    is_channels_last: bool = False
    order: tuple[int, ...] = (0, 1, 2)
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    shift: tuple[float, ...] = (0.0, 0.0, 0.0)

    @property
    def swaps_colours(self) -> bool:
        """Whether the graph turns the order of the channels around."""
        return self.order == (2, 1, 0)

    @property
    def normalises(self) -> bool:
        """Whether the graph changes the values."""
        return set(self.scale) != {1.0} or set(self.shift) != {0.0}


def cut_front(graph: OnnxGraph) -> tuple[OnnxGraph, Front]:
    """Cut a graph before its first convolution.

    Returns:
        The graph from there on, with an input (B, 3, H, W); and what the rest computes.

    Raises:
        FembError: what stands before the first convolution is not a change of layout, colours, mean and std.
    """
    first = next((node for node in graph.nodes if node.op == "Conv"), None)
    if first is None or first.inputs[0] == graph.input:
        return graph, Front()
    before = graph.nodes[: graph.nodes.index(first)]
    for images, is_channels_last in _random_images(graph):
        result = compute_part(graph, before, {graph.input: images}).get(first.inputs[0])
        zeros = compute_part(graph, before, {graph.input: np.zeros_like(images)}).get(first.inputs[0])
        pixels = images.transpose(0, 3, 1, 2) if is_channels_last else images
        if result is None or zeros is None or not result.shape == zeros.shape == pixels.shape:
            continue
        if (front := _formula(pixels, result, zeros, is_channels_last)) is not None:
            return _rest(graph, first.inputs[0], is_channels_last), front
    raise FembError(
        f"{graph.where} changes its images before the first convolution by {', '.join(node.op for node in before[:8])}:"
        " femb reads a layout, an order of the colours, a mean and a std for each",
        hint="femb embed uses the file as it is: see docs/checkpoints.md for the file that states its pixels",
    )


def _random_images(graph: OnnxGraph) -> Iterator[tuple[NDArray[np.float64], bool]]:
    """Yield images (B, 3, H, W), then (B, H, W, 3), as far as the graph takes them; and whether it is the latter."""
    shape = graph.input_shape or (None,) * 4
    if len(shape) != 4:
        return
    generator = np.random.default_rng(0)
    for is_channels_last, axis in ((False, 1), (True, 3)):
        if shape[axis] in (None, CHANNELS):
            sizes = [size or ANY_SIZE for size in shape]
            sizes[0], sizes[axis] = shape[0] or 1, CHANNELS
            if np.prod(sizes, dtype=object) <= 2**22:
                yield generator.integers(0, 256, sizes).astype(np.float64), is_channels_last


def _formula(
    pixels: NDArray[np.float64], result: NDArray[np.float64], zeros: NDArray[np.float64], is_channels_last: bool
) -> Front | None:
    """Find scale, shift and order in result = scale * pixels[order] + shift; None if there is no such formula.

    Args:
        pixels: (B, 3, H, W).
        result: what the graph makes of them, of the same shape.
        zeros: what it makes of images that are 0 everywhere.
        is_channels_last: the layout of the graph's input.
    """
    order, scale, shift = [], [], []
    for channel in range(CHANNELS):
        wanted, summand = result[:, channel], float(zeros[0, channel, 0, 0])
        for source in range(CHANNELS):
            given = pixels[:, source]
            factor = float(((wanted - summand) * given).sum() / (given * given).sum())
            if np.abs(factor * given + summand - wanted).max() <= TOLERANCE * np.abs(wanted).max() and factor > 0:
                order.append(source)
                scale.append(factor)
                shift.append(summand)
                break
    if tuple(order) not in ((0, 1, 2), (2, 1, 0)):
        return None
    return Front(is_channels_last, tuple(order), tuple(scale), tuple(shift))


def _rest(graph: OnnxGraph, value: str, is_channels_last: bool) -> OnnxGraph:
    """Return the graph that begins with a value."""
    needed: set[str] = set()
    makers = {output: node for node in graph.nodes for output in node.outputs}
    pending = [value]
    while pending:
        node = makers.get(pending.pop())
        if node is not None and node.output not in needed:
            needed.add(node.output)
            pending.extend(node.inputs)
    shape = graph.input_shape
    if is_channels_last and len(shape) == 4:
        shape = (shape[0], shape[3], shape[1], shape[2])
    nodes = tuple(node for node in graph.nodes if node.output not in needed)
    return replace(graph, input=value, input_shape=shape, nodes=nodes)
