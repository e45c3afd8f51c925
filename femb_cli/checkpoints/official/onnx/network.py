"""Read the network in an ONNX file, such as one of insightface's model packs.

The packs are networks of arcface_torch that torch.onnx.export wrote. femb recognises the architecture by the graph's
nodes, shapes and connections, never by names; `match.py` then compares it with femb's own network, node by node.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.backbones.iresnet import BLOCKS
from femb_cli.checkpoints.card import FORMAT
from femb_cli.checkpoints.official.networks.iresnet import width_of
from femb_cli.checkpoints.official.onnx.front import Front, cut_front
from femb_cli.checkpoints.official.onnx.graph import OnnxGraph, read_onnx_graph
from femb_cli.checkpoints.official.onnx.match import HINT, match_tensors
from femb_cli.checkpoints.official.onnx.node import Node
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
        front: what the graph does with its pixels before the network.
        is_pixels: whether the graph takes whole numbers from 0 to 255.
        left_out: what the graph computes of the embedding, and what else the checkpoint does not have; a text for each.
        metadata: the strings in the file; if femb wrote the file, the model card.
    """

    config: BackboneConfig
    tensors: dict[str, Tensor]
    front: Front
    is_pixels: bool
    left_out: tuple[str, ...]
    metadata: Mapping[str, str]

    @property
    def mean(self) -> Channels | None:
        """The mean per channel that the graph subtracts, for pixels in [0, 1]; None if it does not normalise them."""
        mean = [-shift / scale for scale, shift in zip(self.front.scale, self.front.shift, strict=True)]
        return _rounded(np.array(mean) / self._largest) if self._normalises else None

    @property
    def std(self) -> Channels | None:
        """What the graph divides the difference by, or None."""
        return _rounded(1 / np.array(self.front.scale) / self._largest) if self._normalises else None

    @property
    def _normalises(self) -> bool:
        return self.front.normalises or self.is_pixels

    @property
    def _largest(self) -> float:
        """The largest value of the graph's pixels: a std above 1 is for [0, 255], never for [0, 1]."""
        return 255 if self.is_pixels or min(self.front.scale) < 1 else 1


def read_onnx_network(path: Path) -> OnnxNetwork:
    """Read an IResNet, mbf or mbf_large from an ONNX file.

    Raises:
        FembError: the file cannot be read, or its graph is not such a network; the message says where it differs.
    """
    graph = read_onnx_graph(path)
    is_half = any(array.dtype.name in ("float16", "bfloat16") for array in graph.constants.values())
    network, front = cut_front(graph)
    try:
        config = _recognise(network)
    except UsageError as error:
        raise FembError(f"{path} fits no network: {error}", hint=HINT) from error
    tensors, left_out = match_tensors(network, empty_backbone(config, where=str(path)), network=config.name)
    if is_half and graph.metadata.get("format") != FORMAT:  # femb stores 16 bits, and computes in 32 in any case
        left_out = (*left_out, "the computation in 16 bits: the weights are kept, and femb computes in float32")
    return OnnxNetwork(config, tensors, front, graph.is_pixels, left_out, graph.metadata)


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
    # A block has two convolutions, the first one of a stage one more in its shortcut. AdaFace's very first has not.
    subsamples = any(node.op == "MaxPool" for node in graph.nodes)
    in_shortcuts = (0 if subsamples else 1, 1, 1, 1)
    last_of_stages = [
        *(0, *itertools.accumulate(2 * count + more for count, more in zip(blocks, in_shortcuts, strict=True)))
    ]
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


def _rounded(values: NDArray[np.float64]) -> Channels:
    """Round three numbers to the digits that float32 holds."""
    red, green, blue = (float(f"{value:.7g}") + 0.0 for value in values)
    return red, green, blue
