"""An ONNX file as a plain graph: its nodes, the constants that they use, and who reads what.

Specification of the file and of the operators: https://onnx.ai/onnx/repo-docs/IR.html and
https://onnx.ai/onnx/operators/. Only data are read: nothing of a graph is run, and no other file is opened.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError

CONSTANT_VALUES = ("value", "value_float", "value_floats", "value_int", "value_ints")
"""The attributes in which a Constant node may hold numbers."""


@dataclass(frozen=True)
class Node:
    """One operation of a graph.

    Attributes:
        op: the operator's name, with its domain in front where that is not ONNX's own.
        inputs: names of the values that it reads; of one that an Identity passed on, the original's.
        output: name of the first value that it makes.
        attributes: its settings: numbers, texts (bytes), tuples of them; a Constant's value as an array.
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
        nodes: what the output depends on, in the file's order, without the nodes that only pass a value on.
        constants: initializers, and what Constant nodes and reshaped constants give.
        input: name of the input.
        input_shape: its sizes as far as they are fixed; None for one that is not.
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
        """The nodes that read a value."""
        return [node for node in self.nodes if value in node.inputs]

    def operands(self, node: Node) -> list[str]:
        """The inputs of a node that are not constants."""
        return [name for name in node.inputs if name and name not in self.constants]


def read_onnx_file(path: Path) -> OnnxGraph:
    """Read an ONNX file.

    Raises:
        FembError: the package onnx is missing, or the file is missing, damaged, keeps its weights in other files, or
            has not one input and one output.
    """
    try:
        import onnx
    except ImportError as error:
        raise FembError("reading ONNX files needs onnx", hint="pip install 'femb[onnx]'") from error
    if not path.is_file():
        raise FembError(f"no file at {path}")
    try:
        model = onnx.load_model(path, format="protobuf", load_external_data=False)
        return _graph(model, str(path))
    except FembError:
        raise
    except Exception as error:  # protobuf's and onnx's errors share no base class of their own
        reason = str(error).strip() or type(error).__name__
        raise FembError(f"{path} is not a readable ONNX file: {reason.splitlines()[0]}") from error


def _graph(model: Any, where: str) -> OnnxGraph:
    """Build the graph of a parsed file (an `onnx.ModelProto`)."""
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
        metadata={entry.key: entry.value for entry in model.metadata_props},
    )


def _nodes(
    protos: Iterable[Any], constants: dict[str, NDArray[Any]], originals: dict[str, str], where: str
) -> Iterator[Node]:
    """Yield the nodes that compute; note what the others are in `constants` and `originals` (name to first name)."""
    made: set[str] = set()
    for proto in protos:
        if made & set(proto.output) - {""}:
            raise FembError(f"{where} makes the value {proto.output[0]!r} twice")
        made.update(proto.output)
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
    """The value of a node that only states, reshapes or passes on a constant; None for any other."""
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
    """The axes of a Squeeze or Unsqueeze: an attribute before opset 13, an input since."""
    if "axes" in node.attributes:
        return node.attributes["axes"]
    stated = constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
    return () if stated is None else tuple(int(axis) for axis in stated.ravel())


def _passes_on(node: Node, constants: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a node gives back its input: an Identity, or a Dropout outside of training."""
    if node.op == "Dropout":
        training = node.inputs[2] if len(node.inputs) > 2 else ""
        return training == "" or (training in constants and not constants[training].any())
    return node.op == "Identity"


def _needed(nodes: list[Node], output: str) -> tuple[Node, ...]:
    """The nodes that the output's values depend on; what only computes the shape for a Reshape does not count."""
    maker = {node.output: node for node in nodes}
    needed: set[str] = set()
    open_values = [output]
    while open_values:
        node = maker.get(open_values.pop())
        if node is not None and node.output not in needed:
            needed.add(node.output)
            open_values.extend(node.inputs[:1] if node.op == "Reshape" else node.inputs)
    return tuple(node for node in nodes if node.output in needed)
