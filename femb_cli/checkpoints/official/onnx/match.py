"""Take the tensors of a backbone from an ONNX graph that computes the same function.

femb walks the graph of its own network (torch.fx) and the graph of the file side by side. So names do not matter, and
every difference is found. Exporters fold a batch norm into the convolution or linear layer before it. Then that layer
gets the folded weight, and the batch norm becomes an identity plus the folded bias.
"""

import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from femb_cli.backbones import Backbone
from femb_cli.backbones.dropout import Dropout
from femb_cli.checkpoints.official.onnx.graph import OnnxGraph, axes
from femb_cli.checkpoints.official.onnx.node import Node
from femb_cli.checkpoints.official.onnx.tail import read_tail
from femb_cli.errors import FembError

HINT = "femb reads IResNet, mbf and mbf_large as torch.onnx.export writes them, as in insightface's model packs"

DEFAULTS: dict[str, Any] = {
    **{
        "kernel_shape": (),
        "strides": (1, 1),
        "pads": (0, 0, 0, 0),
        "dilations": (1, 1),
        "group": 1,
        "auto_pad": b"NOTSET",
    },
    **{"transA": 0, "transB": 0, "alpha": 1.0, "beta": 1.0, "training_mode": 0, "spatial": 1, "axis": 1},
}
"""The value of a setting that a node leaves out."""


def match_tensors(graph: OnnxGraph, backbone: Backbone, *, network: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Find the backbone in a graph.

    Args:
        graph: the graph of an ONNX file, beginning with the backbone's input.
        backbone: the network that the graph should compute; its tensors may be on the meta device.
        network: the backbone's name, for messages.

    Returns:
        The backbone's state dict, float32 (counters int64); and a text for each thing that the graph computes of the
        embedding and femb leaves out.

    Raises:
        FembError: the graph differs from the backbone's; the message says where.
    """
    match = _Match(graph, network)
    values: dict[fx.Node, str] = {}
    for step in _Tracer().trace(backbone).nodes:
        inputs = [values[argument] for argument in step.all_input_nodes]
        if step.op == "placeholder":
            values[step] = graph.input
        elif step.op == "call_module":
            values[step] = match.layer(step.target, backbone.get_submodule(step.target), inputs[0])
        elif step.target is operator.add:
            values[step] = match.shortcut(*inputs)
        elif step.target == "flatten":
            values[step] = match.flatten(inputs[0])
        else:
            assert step.op == "output", f"no ONNX node is known for {step.target}"
            left_out = match.end(inputs[0], backbone.embedding_dim)
    return {name: match.tensors[name] for name in backbone.state_dict()}, left_out


class _Tracer(fx.Tracer):
    """Traces a backbone as a sequence of layers, of which torch's own tracer knows only those of torch.nn."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is a layer, and not a part that consists of layers."""
        return isinstance(m, nn.Conv2d | Dropout) or super().is_leaf_module(m, module_qualified_name)


class _Match:
    """The match so far. Each method takes the name of the value that a layer reads and returns that of its result.

    Args:
        graph: the graph of the file.
        network: the name of the backbone, for messages.
    """

    def __init__(self, graph: OnnxGraph, network: str) -> None:
        self.graph = graph
        self.network = network
        self.tensors: dict[str, Tensor] = {}
        self._matched: set[str] = set()
        # Biases of convolutions and linear layers that have none in femb, by the name of the layer's result.
        self._biases: dict[str, Tensor] = {}

    def layer(self, name: str, module: nn.Module, value: str) -> str:
        """Match a module, and keep its tensors under its name."""
        if isinstance(module, nn.Conv2d):
            return self._convolution(name, module, value)
        if isinstance(module, nn.Linear):
            return self._linear(name, module, value)
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            return self._batch_norm(name, module, value)
        if isinstance(module, nn.PReLU):
            return self._prelu(name, module, value)
        if isinstance(module, nn.Flatten):
            return self.flatten(value)
        assert isinstance(module, Dropout), f"no ONNX node is known for {type(module).__name__}"
        return value

    def shortcut(self, value: str, other: str) -> str:
        """Match the sum of two values."""
        node = self._reader(value, "Add")
        if set(node.inputs) != {value, other}:
            raise self._difference(f"{node} adds {' and '.join(map(repr, node.inputs))}", f"{value!r} and {other!r}")
        return node.output

    def flatten(self, value: str) -> str:
        """Match the flattening of the feature maps: a Flatten or a Reshape.

        The shape of a Reshape needs no check: the linear layer after it fixes the number of features in a row.
        """
        node = self._reader(value, "Flatten", "Reshape")
        if node.op == "Flatten" and node.attributes.get("axis", 1) != -3:  # of four axes, -3 is 1
            self._check_settings(node, axis=1)
        return node.output

    def end(self, value: str, embedding_dim: int) -> tuple[str, ...]:
        """Check that this is the embedding and that no other node of the network is left over.

        Returns:
            What the graph computes of the embedding, and femb leaves out.
        """
        rest = [node for node in self.graph.nodes if node.output not in self._matched]
        left_out = read_tail(self.graph, value, rest, embedding_dim=embedding_dim)
        if left_out is not None:
            return left_out
        if not any(value in node.inputs for node in rest):
            raise self._difference(f"after {value!r} comes nothing", "the graph's output")
        raise self._difference(f"after {value!r} comes {self._describe_readers(value)}", "the graph's output")

    def _convolution(self, name: str, module: nn.Conv2d, value: str) -> str:
        assert isinstance(module.padding, tuple), "femb's convolutions state their padding in pixels"
        if any(node.op == "MaxPool" and node.output not in self._matched for node in self.graph.readers(value)):
            return self._subsampling(name, module, value)
        node = self._reader(value, "Conv")
        self._check_settings(
            node,
            strides=module.stride,
            pads=module.padding * 2,
            dilations=module.dilation,
            group=module.groups,
            auto_pad=b"NOTSET",
        )
        self.tensors[f"{name}.weight"] = self._constant(node, 1, module.weight.shape)
        has_bias = len(node.inputs) > 2 and node.inputs[2] != ""
        channels = module.out_channels
        self._biases[node.output] = self._constant(node, 2, (channels,)) if has_bias else torch.zeros(channels)
        return node.output

    def _subsampling(self, name: str, module: nn.Conv2d, value: str) -> str:
        """Match the shortcut of AdaFace's first block, which takes every second pixel, with a convolution that does."""
        node = self._reader(value, "MaxPool")
        self._check_settings(node, kernel_shape=(1, 1), strides=module.stride, pads=(0, 0, 0, 0), auto_pad=b"NOTSET")
        if module.kernel_size != (1, 1) or module.in_channels != module.out_channels:
            raise self._difference(f"{node} stands there", "Conv")
        self.tensors[f"{name}.weight"] = torch.eye(module.out_channels)[:, :, None, None]
        self._biases[node.output] = torch.zeros(module.out_channels)
        return node.output

    def _linear(self, name: str, module: nn.Linear, value: str) -> str:
        """Match a Gemm, or a MatMul with or without the Add of a bias."""
        node = self._reader(value, "Gemm", "MatMul")
        self._check_settings(node, transA=0, alpha=1.0, beta=1.0)
        if node.attributes.get("transB", 0):
            weight = self._constant(node, 1, module.weight.shape)
        else:
            weight = self._constant(node, 1, module.weight.shape[::-1]).T.contiguous()
        node, bias = self._linear_bias(node, module.out_features)
        self.tensors[f"{name}.weight"] = weight
        if module.bias is not None:
            self.tensors[f"{name}.bias"] = bias
            bias = torch.zeros_like(bias)
        self._biases[node.output] = bias
        return node.output

    def _linear_bias(self, node: Node, outputs: int) -> tuple[Node, Tensor]:
        """Return the node that adds the bias of a Gemm or MatMul, and the bias."""
        index = 2
        readers = self.graph.readers(node.output)
        if node.op == "MatMul" and [reader.op for reader in readers] == ["Add"]:
            index = 1 - readers[0].inputs.index(node.output)
            node = self._reader(node.output, "Add", operand=1 - index)
        if len(node.inputs) <= index or node.inputs[index] == "":
            return node, torch.zeros(outputs)
        return node, self._constant(node, index, (outputs,), (1, outputs)).flatten()

    def _batch_norm(self, name: str, module: nn.BatchNorm1d | nn.BatchNorm2d, value: str) -> str:
        """Match a batch norm, or nothing where it was folded into the layer before."""
        channels = module.num_features
        bias = self._biases.pop(value, None)
        is_separate = any(node.op in ("BatchNormalization", "Unsqueeze") for node in self.graph.readers(value))
        if bias is not None and not is_separate:
            weight, mean = torch.ones(channels), torch.zeros(channels)
            variance = torch.full((channels,), 1 - module.eps)
        else:
            node, value = self._batch_norm_node(value)
            weight, summand, mean, variance = (self._constant(node, index, (channels,)) for index in (1, 2, 3, 4))
            # A bias before a batch norm is the same as a smaller mean.
            bias, mean = summand, mean if bias is None else mean - bias
        self.tensors[f"{name}.weight"] = weight
        self.tensors[f"{name}.bias"] = bias
        self.tensors[f"{name}.running_mean"] = mean
        self.tensors[f"{name}.running_var"] = variance
        self.tensors[f"{name}.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
        return value

    def _batch_norm_node(self, value: str) -> tuple[Node, str]:
        """Return the batch norm of a value, and its result; older exporters put it between Unsqueeze and Squeeze."""
        unsqueeze = next((node for node in self.graph.readers(value) if node.op == "Unsqueeze"), None)
        if unsqueeze is not None:
            value = self._use_axis(self._reader(value, "Unsqueeze"))
        node = self._reader(value, "BatchNormalization")
        self._check_settings(node, training_mode=0, spatial=1)
        if unsqueeze is not None:
            return node, self._use_axis(self._reader(node.output, "Squeeze"))
        return node, node.output

    def _use_axis(self, node: Node) -> str:
        if axes(node, self.graph.constants) != (2,):
            raise self._difference(f"{node} has the axes {axes(node, self.graph.constants)}", "(2,)")
        return node.output

    def _prelu(self, name: str, module: nn.PReLU, value: str) -> str:
        """Match a PRelu, whose slopes are one for each channel or one for all."""
        node = self._reader(value, "PRelu")
        channels = module.num_parameters
        one_for_all = [(1,) * dimensions for dimensions in range(5)]
        slopes = self._constant(node, 1, (channels, 1, 1), (1, channels, 1, 1), *one_for_all)
        self.tensors[f"{name}.weight"] = slopes.flatten().expand(channels).contiguous()
        return node.output

    def _reader(self, value: str, *operators: str, operand: int = 0) -> Node:
        """Return the node of one of these operators that reads the value as that operand."""
        for node in self.graph.readers(value):
            if node.op in operators and node.inputs[operand] == value and node.output not in self._matched:
                self._matched.add(node.output)
                return node
        raise self._difference(f"after {value!r} comes {self._describe_readers(value)}", " or ".join(operators))

    def _constant(self, node: Node, index: int, *shapes: tuple[int, ...]) -> Tensor:
        """Return a constant input of a node that has one of these shapes."""
        array = self.graph.constants.get(node.inputs[index]) if len(node.inputs) > index else None
        expected = f"a constant of the shape {' or '.join(str(tuple(shape)) for shape in shapes)}"
        if array is None:
            raise self._difference(f"{node} has no constant as input {index}", expected)
        if array.dtype.kind != "f" or array.shape not in shapes:
            raise self._difference(
                f"{node} has {array.dtype} numbers of shape {array.shape} as input {index}", expected
            )
        return torch.from_numpy(array.astype(np.float32, order="C"))

    def _check_settings(self, node: Node, **expected: Any) -> None:
        for name, value in expected.items():
            found = node.attributes.get(name, DEFAULTS[name])
            if found != value:
                raise self._difference(f"{node} has {name} {found}", str(value))

    def _describe_readers(self, value: str) -> str:
        return ", ".join(map(str, self.graph.readers(value))) or "nothing"

    def _difference(self, found: str, expected: str) -> FembError:
        return FembError(f"{self.graph.where} is not an {self.network}: {found}, expected {expected}", hint=HINT)
