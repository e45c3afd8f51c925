"""Read an ONNX file as a plain graph: nodes, constants, and which node reads which value.

Specification of the file and of the operators: https://onnx.ai/onnx/repo-docs/IR.html and
https://onnx.ai/onnx/operators/. Nothing in the graph is run, and only files of weights beside it are opened.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.checkpoints.official.onnx.node import Node
from femb_cli.checkpoints.official.onnx.operators import FLOATS, SMALL, NotComputedError, compute
from femb_cli.checkpoints.onnx_file import onnx_errors, onnx_metadata, read_array, read_onnx_model
from femb_cli.errors import FembError

CONSTANT_VALUES = ("value", "value_float", "value_floats", "value_int", "value_ints")
"""The attributes in which a Constant node can have its numbers."""
MOST_FOLDED = 4
"""Numbers that are computed from constants, as a multiple of the file's: a damaged file could ask for terabytes."""


@dataclass(frozen=True)
class OnnxGraph:
    """A graph with one input.

    Attributes:
        where: the file, for messages.
        nodes: the nodes that the outputs depend on, in the file's order, without those that return their input.
        constants: initializers, and the values of nodes that depend on constants only.
        input: name of the input.
        input_shape: the input's sizes; None for a size that is not fixed.
        outputs: the value of each output, by the output's name.
        metadata: the file's own properties.
        is_pixels: whether the input is whole numbers of 8 bits, 0 to 255.
        images: name and sizes of the file's input, also for a part of its graph.
    """

    where: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, NDArray[Any]]
    input: str
    input_shape: tuple[int | None, ...]
    outputs: Mapping[str, str]
    metadata: Mapping[str, str]
    is_pixels: bool = False
    images: tuple[str, tuple[int | None, ...]] = ("", ())

    @cached_property
    def _readers(self) -> Mapping[str, list[Node]]:
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for value in dict.fromkeys(node.inputs):
                readers.setdefault(value, []).append(node)
        return readers

    def readers(self, value: str) -> list[Node]:
        """Return the nodes that read a value."""
        return self._readers.get(value, [])

    def operands(self, node: Node) -> list[str]:
        """Return the inputs of a node that are not constants."""
        return [name for name in node.inputs if name and name not in self.constants]


def read_onnx_graph(path: Path) -> OnnxGraph:
    """Read the graph in an ONNX file.

    Raises:
        FembError: the package onnx is missing, or the file is missing or damaged, its weights are in files that are not
            beside it, or it does not have exactly one input.
    """
    model = read_onnx_model(path)
    with onnx_errors(path):
        return _build_graph(model, path)


def _build_graph(model: Any, path: Path) -> OnnxGraph:
    """Build the graph of an `onnx.ModelProto`."""
    from onnx import TensorProto

    graph, where = model.graph, str(path)
    constants = {tensor.name: read_array(tensor, path) for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or not graph.output:
        raise FembError(f"{where} has {len(inputs)} inputs and {len(graph.output)} outputs: expected one input, images")
    originals: dict[str, str] = {}
    nodes = list(_nodes(graph.node, constants, originals, path))
    outputs = {output.name: originals.get(output.name, output.name) for output in graph.output}
    kind = inputs[0].type.tensor_type
    input_shape = tuple(size.dim_value if size.dim_value > 0 else None for size in kind.shape.dim)
    return OnnxGraph(
        where,
        nodes=_needed(nodes, outputs.values()),
        constants=constants,
        input=inputs[0].name,
        input_shape=input_shape,
        outputs=outputs,
        metadata=onnx_metadata(model),
        is_pixels=kind.elem_type == TensorProto.UINT8,
        images=(inputs[0].name, input_shape),
    )


def _nodes(
    protos: Iterable[Any], constants: dict[str, NDArray[Any]], originals: dict[str, str], path: Path
) -> Iterator[Node]:
    """Yield the nodes that compute; add the others to `constants` or to `originals` (output name to input name)."""
    left = MOST_FOLDED * sum(array.size for array in constants.values()) + SMALL
    outputs: set[str] = set()
    for proto in protos:
        if outputs & set(proto.output) - {""}:
            raise FembError(f"{path} makes the value {proto.output[0]!r} twice")
        outputs.update(proto.output)
        inputs = tuple(originals.get(name, name) for name in proto.input)
        op = f"{proto.domain}::{proto.op_type}" if proto.domain not in ("", "ai.onnx") else proto.op_type
        node = Node(op, inputs, tuple(proto.output), _attributes(proto, path))
        constant = _constant(node, constants) if left > 0 else None
        if constant is not None:
            constants[node.output] = constant
            left -= constant.size if node.op != "Constant" else 0
        elif _passes_on(node, constants):
            originals[node.output] = inputs[0]
        else:
            yield node


def _attributes(proto: Any, path: Path) -> dict[str, Any]:
    from onnx.helper import get_attribute_value

    values: dict[str, Any] = {}
    for attribute in proto.attribute:
        value = get_attribute_value(attribute)
        if attribute.name == "value" and proto.op_type in ("Constant", "ConstantOfShape"):
            value = read_array(value, path)
        values[attribute.name] = tuple(value) if isinstance(value, list) else value
    return values


def _constant(node: Node, constants: Mapping[str, NDArray[Any]]) -> NDArray[Any] | None:
    """Return a node's value if it depends on constants only and femb can compute it; None for any other node."""
    if node.op == "Constant":
        values = [np.asarray(node.attributes[name]) for name in CONSTANT_VALUES if name in node.attributes]
        return values[0] if values else None
    if len(node.outputs) != 1 or not node.inputs or not all(name in constants or not name for name in node.inputs):
        return None
    try:
        return compute(node, [constants.get(name) for name in node.inputs])[0]
    except NotComputedError:
        return None


def axes(node: Node, constants: Mapping[str, NDArray[Any]]) -> tuple[int, ...]:
    """Return the axes of a Squeeze or Unsqueeze: an attribute before opset 13, an input since."""
    if "axes" in node.attributes:
        return node.attributes["axes"]
    given = constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
    return () if given is None else tuple(int(axis) for axis in given.ravel())


def _passes_on(node: Node, constants: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a node returns its input: an Identity, a Cast to floats, or a Dropout outside of training."""
    if node.op == "Dropout":
        training = node.inputs[2] if len(node.inputs) > 2 else ""
        return training == "" or (training in constants and not constants[training].any())
    return node.op in ("Identity", "CastLike") or (node.op == "Cast" and node.attributes.get("to") in FLOATS)


def _needed(nodes: list[Node], outputs: Iterable[str]) -> tuple[Node, ...]:
    """Return the nodes that the outputs' values depend on, without those that only compute a Reshape's shape."""
    maker = {output: node for node in nodes for output in node.outputs}
    needed: set[str] = set()
    pending = list(outputs)
    while pending:
        node = maker.get(pending.pop())
        if node is not None and node.output not in needed:
            needed.add(node.output)
            pending.extend(node.inputs[:1] if node.op == "Reshape" else node.inputs)
    return tuple(node for node in nodes if node.output in needed)
