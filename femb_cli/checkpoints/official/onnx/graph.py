"""Read an ONNX file as a plain graph: nodes, constants, and which node reads which value.

Specification of the file and of the operators: https://onnx.ai/onnx/repo-docs/IR.html and
https://onnx.ai/onnx/operators/. Nothing in the graph is run, and no other file is opened.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.checkpoints.onnx_file import onnx_errors, onnx_metadata, read_onnx_model
from femb_cli.errors import FembError

CONSTANT_VALUES = ("value", "value_float", "value_floats", "value_int", "value_ints")
"""The attributes in which a Constant node can have its numbers."""


@dataclass(frozen=True)
class Node:
    """One operation of a graph.

    Attributes:
        op: the operator's name, with its domain in front if that is not ONNX's own.
        inputs: names of the values that it reads; instead of an Identity's output, the Identity's input.
        output: name of its first output.
        attributes: its settings: numbers, texts (bytes) and tuples of them; a Constant's value as an array.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.op} (output {self.output!r})"


@dataclass(frozen=True)
class OnnxGraph:
    """A graph with one input and one output.

    Attributes:
        where: the file, for messages.
        nodes: the nodes that the output depends on, in the file's order, without those that return their input.
        constants: initializers, and the values of Constant nodes and of reshaped constants.
        input: name of the input.
        input_shape: the input's sizes; None for a size that is not fixed.
        output: name of the output.
        metadata: the file's own properties.
    """

    where: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, NDArray[Any]]
    input: str
    input_shape: tuple[int | None, ...]
    output: str
    metadata: Mapping[str, str]

    def readers(self, value: str) -> list[Node]:
        """Return the nodes that read a value."""
        return [node for node in self.nodes if value in node.inputs]

    def operands(self, node: Node) -> list[str]:
        """Return the inputs of a node that are not constants."""
        return [name for name in node.inputs if name and name not in self.constants]


def read_onnx_graph(path: Path) -> OnnxGraph:
    """Read the graph in an ONNX file.

    Raises:
        FembError: the package onnx is missing, or the file is missing or damaged, keeps its weights in other files, or
            does not have exactly one input and one output.
    """
    model = read_onnx_model(path)
    with onnx_errors(path):
        return _build_graph(model, str(path))


def _build_graph(model: Any, where: str) -> OnnxGraph:
    """Build the graph of an `onnx.ModelProto`."""
    graph = model.graph
    constants = {tensor.name: _array(tensor, where) for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise FembError(
            f"{where} has {len(inputs)} inputs and {len(graph.output)} outputs: expected one of each, images and"
            " embeddings"
        )
    originals: dict[str, str] = {}
    nodes = list(_nodes(graph.node, constants, originals, where))
    output = originals.get(graph.output[0].name, graph.output[0].name)
    sizes = inputs[0].type.tensor_type.shape.dim
    return OnnxGraph(
        where,
        nodes=_needed(nodes, output),
        constants=constants,
        input=inputs[0].name,
        input_shape=tuple(size.dim_value if size.dim_value > 0 else None for size in sizes),
        output=output,
        metadata=onnx_metadata(model),
    )


def _nodes(
    protos: Iterable[Any], constants: dict[str, NDArray[Any]], originals: dict[str, str], where: str
) -> Iterator[Node]:
    """Yield the nodes that compute; add the others to `constants` or to `originals` (output name to input name)."""
    outputs: set[str] = set()
    for proto in protos:
        if outputs & set(proto.output) - {""}:
            raise FembError(f"{where} makes the value {proto.output[0]!r} twice")
        outputs.update(proto.output)
        inputs = tuple(originals.get(name, name) for name in proto.input)
        op = f"{proto.domain}::{proto.op_type}" if proto.domain not in ("", "ai.onnx") else proto.op_type
        node = Node(op, inputs, proto.output[0], _attributes(proto, where))
        constant = _constant(node, constants)
        if constant is not None:
            constants[node.output] = constant
        elif _passes_on(node, constants):
            originals[node.output] = inputs[0]
        else:
            yield node


def _attributes(proto: Any, where: str) -> dict[str, Any]:
    from onnx.helper import get_attribute_value

    values: dict[str, Any] = {}
    for attribute in proto.attribute:
        value = get_attribute_value(attribute)
        if proto.op_type == "Constant" and attribute.name == "value":
            value = _array(value, where)
        values[attribute.name] = tuple(value) if isinstance(value, list) else value
    return values


def _array(tensor: Any, where: str) -> NDArray[Any]:
    from onnx.external_data_helper import uses_external_data
    from onnx.numpy_helper import to_array

    if uses_external_data(tensor):
        raise FembError(
            f"{where} keeps its weights in another file ({tensor.name!r}), which femb does not open",
            hint="onnx.save(onnx.load(FILE), NEW_FILE) puts them inside",
        )
    return to_array(tensor)


def _constant(node: Node, constants: Mapping[str, NDArray[Any]]) -> NDArray[Any] | None:
    """Return a node's value if it depends on constants only and femb can compute it; None for any other node."""
    if node.op == "Constant":
        values = [np.asarray(node.attributes[name]) for name in CONSTANT_VALUES if name in node.attributes]
        return values[0] if values else None
    if not node.inputs or node.inputs[0] not in constants:
        return None
    array = constants[node.inputs[0]]
    if node.op == "Identity":
        return array
    if node.op == "Transpose":
        return array.transpose(node.attributes.get("perm"))
    if node.op == "Unsqueeze":
        return np.expand_dims(array, axes(node, constants))
    return None


def axes(node: Node, constants: Mapping[str, NDArray[Any]]) -> tuple[int, ...]:
    """Return the axes of a Squeeze or Unsqueeze: an attribute before opset 13, an input since."""
    if "axes" in node.attributes:
        return node.attributes["axes"]
    given = constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
    return () if given is None else tuple(int(axis) for axis in given.ravel())


def _passes_on(node: Node, constants: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a node returns its input: an Identity, or a Dropout outside of training."""
    if node.op == "Dropout":
        training = node.inputs[2] if len(node.inputs) > 2 else ""
        return training == "" or (training in constants and not constants[training].any())
    return node.op == "Identity"


def _needed(nodes: list[Node], output: str) -> tuple[Node, ...]:
    """Return the nodes that the output's values depend on, without those that only compute a Reshape's shape."""
    maker = {node.output: node for node in nodes}
    needed: set[str] = set()
    pending = [output]
    while pending:
        node = maker.get(pending.pop())
        if node is not None and node.output not in needed:
            needed.add(node.output)
            pending.extend(node.inputs[:1] if node.op == "Reshape" else node.inputs)
    return tuple(node for node in nodes if node.output in needed)
