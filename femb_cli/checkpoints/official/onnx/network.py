"""Read the network in an ONNX file, such as one of insightface's model packs.

The packs are networks of arcface_torch that torch.onnx.export wrote. femb recognises the architecture by the graph's
nodes, shapes and connections, never by names; `match.py` then compares it with femb's own network, node by node.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.backbones.iresnet import BLOCKS
from femb_cli.checkpoints.official.networks.iresnet import width_of
from femb_cli.checkpoints.official.onnx.graph import Node, OnnxGraph, read_onnx_graph
from femb_cli.checkpoints.official.onnx.match import HINT, match_tensors
from femb_cli.checkpoints.store import empty_backbone
from femb_cli.config.registry import make
from femb_cli.config.schema import BackboneConfig
from femb_cli.errors import FembError, UsageError

Channels = tuple[float, float, float]

MBF_WIDTHS = {128: "mbf", 256: "mbf_large"}
"""arcface_torch's MobileFaceNets, by the channels of their first convolution."""

DEFAULT_EPSILON = 1e-5
"""ONNX's default for a batch norm; also arcface_torch's, for a graph whose batch norms are all folded."""


@dataclass(frozen=True)
class OnnxNetwork:
    """A network read from an ONNX file.

    Attributes:
        config: the architecture.
        tensors: its state dict under femb's names, float32 (counters int64).
        mean: the mean per channel that the graph subtracts, for pixels in [0, 1]; None if the graph does not normalise
            its input.
        std: what the graph divides the difference by, or None.
        metadata: the strings in the file; if femb wrote the file, the model card.
    """

    config: BackboneConfig
    tensors: dict[str, Tensor]
    mean: Channels | None
    std: Channels | None
    metadata: Mapping[str, str]


def read_onnx_network(path: Path) -> OnnxNetwork:
    """Read an IResNet, mbf or mbf_large from an ONNX file.

    Raises:
        FembError: the file cannot be read, or its graph is not such a network; the message says where it differs.
    """
    graph = read_onnx_graph(path)
    try:
        config = _recognise(graph)
    except UsageError as error:
        raise FembError(f"{path} fits no network: {error}", hint=HINT) from error
    graph, mean, std = _cut_normalisation(graph)
    tensors = match_tensors(graph, empty_backbone(config, where=str(path)), network=config.name)
    return OnnxNetwork(config, tensors, mean, std, graph.metadata)


def _recognise(graph: OnnxGraph) -> BackboneConfig:
    """Recognise the architecture by the numbers of nodes and the shapes of the first and the last layers."""
    convolutions = [node for node in graph.nodes if node.op == "Conv"]
    linear = [node for node in graph.nodes if node.op in ("Gemm", "MatMul")]
    if not convolutions or len(linear) != 1:
        raise FembError(
            f"{graph.where} has {len(convolutions)} Conv and {len(linear)} Gemm or MatMul nodes:"
            " expected convolutions and one linear layer to the embedding",
            hint=HINT,
        )
    channels = [_weight_shape(graph, node, 4)[0] for node in convolutions]
    embedding_dim, features = _weight_shape(graph, linear[0], 2)
    if not linear[0].attributes.get("transB", 0):
        embedding_dim, features = features, embedding_dim
    parameters: dict[str, Any] = {"embedding_dim": embedding_dim, "bn_eps": _epsilon(graph)}
    if any(node.attributes.get("group", 1) != 1 for node in convolutions):
        name, side = _mbf_name(graph, channels[0]), _weight_shape(graph, convolutions[-1], 4)[-1]
    else:
        name, side = _iresnet_name(graph), math.isqrt(features // max(channels[-1], 1))
        parameters["width"] = _iresnet_width(graph, BLOCKS[name], channels)
    return make(BackboneConfig, name, input_size=_input_size(graph, side), **parameters)


def _weight_shape(graph: OnnxGraph, node: Node, dimensions: int) -> tuple[int, ...]:
    weight = graph.constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
    if weight is None or weight.ndim != dimensions:
        found = "none" if weight is None else f"one of the shape {weight.shape}"
        raise FembError(
            f"{graph.where}: {node} has {found} for its weight: expected a constant of {dimensions} dimensions",
            hint=HINT,
        )
    return weight.shape


def _mbf_name(graph: OnnxGraph, first_channels: int) -> str:
    """Return the name of the MobileFaceNet whose first convolution has this number of channels."""
    if first_channels not in MBF_WIDTHS:
        known = ", ".join(f"{channels} ({name})" for channels, name in MBF_WIDTHS.items())
        raise FembError(
            f"{graph.where} has grouped convolutions and starts with {first_channels} channels: expected {known}",
            hint=HINT,
        )
    return MBF_WIDTHS[first_channels]


def _iresnet_name(graph: OnnxGraph) -> str:
    """Return the name of the IResNet that has as many blocks as the graph has shortcuts."""
    names = {sum(blocks): name for name, blocks in BLOCKS.items()}
    shortcuts = sum(node.op == "Add" and len(graph.operands(node)) == 2 for node in graph.nodes)
    if shortcuts not in names:
        known = ", ".join(f"{blocks} ({name})" for blocks, name in names.items())
        raise FembError(f"{graph.where} has {shortcuts} shortcuts: expected {known}", hint=HINT)
    return names[shortcuts]


def _iresnet_width(graph: OnnxGraph, blocks: tuple[int, ...], channels: list[int]) -> float:
    """Return a width that gives the channels of the first convolution and of the last one in each stage."""
    # A block has two convolutions, and the first block of a stage has one more in its shortcut.
    last_of_stages = [0, *itertools.accumulate(2 * count + 1 for count in blocks)]
    expected = last_of_stages[-1] + 1
    if len(channels) != expected:
        raise FembError(
            f"{graph.where} has {len(channels)} Conv nodes: expected {expected} for {sum(blocks)} shortcuts", hint=HINT
        )
    try:
        return width_of([channels[last] for last in last_of_stages])
    except FembError as error:
        raise FembError(f"{graph.where}: {error.message}", hint=HINT) from error


def _input_size(graph: OnnxGraph, side: int) -> int:
    """Return the height and width of images: the graph's, or the largest that give a last map of this side."""
    sizes = {size for size in graph.input_shape[2:] if size is not None} or {16 * side}
    if len(sizes) > 1 or math.ceil(min(sizes) / 16) != side:
        raise FembError(
            f"{graph.where} takes images of the shape {graph.input_shape} and ends in a map of {side} x {side}:"
            " expected (batch, 3, size, size), and a map of a sixteenth of the size",
            hint=HINT,
        )
    return min(sizes)


def _epsilon(graph: OnnxGraph) -> float:
    """Return the epsilon of all batch norms, rounded to float32's digits, because the file stores float32."""
    norms = [node for node in graph.nodes if node.op == "BatchNormalization"]
    values = [node.attributes.get("epsilon", DEFAULT_EPSILON) for node in norms] or [DEFAULT_EPSILON]
    if not all(isinstance(epsilon, float) for epsilon in values) or len(set(values)) > 1:
        found = ", ".join(sorted(set(map(str, values))))
        raise FembError(f"{graph.where} has batch norms of epsilon {found}: expected one number", hint=HINT)
    return float(str(np.float32(values[0])))


def _cut_normalisation(graph: OnnxGraph) -> tuple[OnnxGraph, Channels | None, Channels | None]:
    """Remove the normalisation of the pixels from the beginning of the graph.

    Returns:
        The rest of the graph; mean and std of the removed normalisation, as in `OnnxNetwork`.
    """
    value, scale, shift = graph.input, np.ones(3), np.zeros(3)
    taken: set[str] = set()
    while (step := _arithmetic(graph, value)) is not None:
        value, factor, summand = step
        scale, shift = scale * factor, shift * factor + summand
        taken.add(value)
    if not taken:
        return graph, None, None
    rest = replace(graph, input=value, nodes=tuple(node for node in graph.nodes if node.output not in taken))
    mean, std = -shift / scale, 1 / scale
    # A std above 1 is for pixels in [0, 255]: pixels in [0, 1] never have one.
    largest = 255 if np.abs(std).max() > 1 else 1
    return rest, _rounded(mean / largest), _rounded(std / largest)


def _arithmetic(graph: OnnxGraph, images: str) -> tuple[str, NDArray[np.float64], NDArray[np.float64]] | None:
    """Read a Sub, Add, Mul or Div of the images and a constant.

    Returns:
        The name of the result, and the factor and summand per channel in result = factor * images + summand; None if
        there is no such node.
    """
    node = next(iter(graph.readers(images)), None)
    if node is None or node.op not in ("Sub", "Add", "Mul", "Div") or len(node.inputs) != 2:
        return None
    is_first = node.inputs[0] == images
    constant = graph.constants.get(node.inputs[1 if is_first else 0])
    if constant is None or not (is_first or node.op in ("Add", "Mul")) or not _is_per_channel(constant):
        return None
    values = np.broadcast_to(constant.astype(np.float64).ravel(), 3)
    if node.op in ("Sub", "Add"):
        return node.output, np.ones(3), values if node.op == "Add" else -values
    if not values.all():
        return None
    return node.output, values if node.op == "Mul" else 1 / values, np.zeros(3)


def _is_per_channel(constant: NDArray[Any]) -> bool:
    """Whether a constant is one finite number, or three that broadcast over height and width."""
    has_shape = constant.size == 1 or (constant.size == 3 and constant.shape[-3:] == (3, 1, 1))
    return has_shape and constant.dtype.kind == "f" and bool(np.isfinite(constant).all())


def _rounded(values: NDArray[np.float64]) -> Channels:
    """Round three numbers to the digits that float32 holds."""
    red, green, blue = (float(f"{value:.7g}") for value in values)
    return red, green, blue
