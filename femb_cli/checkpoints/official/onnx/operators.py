"""Some of ONNX's operators in numpy: those that stand before and after a network, and those that make constants.

Specification: https://onnx.ai/onnx/operators/. femb computes only what it needs to find what a part of a graph does,
on a few numbers. An operator that is not here, or would make an array much larger than its inputs, is not computed.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.checkpoints.official.onnx.node import Node

Array = NDArray[Any]
Inputs = Sequence[Any]
"""Arrays, and None for an input that is left out."""

SMALL = 2**16
"""Numbers that any result may have."""

FLOATS = (1, 10, 11, 16)
"""ONNX's numbers of float32, float16, float64 and bfloat16."""
WHOLE_NUMBERS = (2, 3, 4, 5, 6, 7, 12, 13)
"""ONNX's numbers of the types of whole numbers."""


class NotComputedError(Exception):
    """A node has an operator or a setting that femb does not compute."""


def compute(node: Node, inputs: Inputs) -> tuple[Array, ...]:
    """Compute a node.

    Args:
        node: the node.
        inputs: its inputs, None for one that is left out.

    Returns:
        Its outputs.

    Raises:
        NotComputedError: femb does not compute this node.
    """
    operator = OPERATORS.get(node.op)
    if operator is None:
        raise NotComputedError(node.op)
    try:
        with np.errstate(all="ignore"):
            result = operator(node, inputs)
    except (ValueError, IndexError, TypeError, AttributeError, KeyError, OverflowError, MemoryError) as error:
        raise NotComputedError(f"{node}: {error}") from error
    return result if isinstance(result, tuple) else (result,)


def _input(inputs: Inputs, index: int) -> Any:
    return inputs[index] if len(inputs) > index else None


def _whole_numbers(node: Node, inputs: Inputs, name: str, index: int) -> tuple[int, ...] | None:
    """Return a setting that is an attribute in old opsets and an input in new ones; None if it is left out."""
    if name in node.attributes:
        values = node.attributes[name]
    else:
        values = _input(inputs, index)
    return None if values is None else tuple(int(value) for value in np.ravel(values))


def _elementwise(function: Callable[..., Any]) -> Callable[[Node, Inputs], Array]:
    def operator(node: Node, inputs: Inputs) -> Array:
        given = [array for array in inputs if array is not None]
        _refuse_growth(np.broadcast_shapes(*(array.shape for array in given)), given)
        return np.asarray(function(*given))

    return operator


def _refuse_growth(shape: Sequence[int], inputs: Inputs) -> None:
    """Refuse a result that is larger than its inputs: a few bytes of a damaged file could ask for terabytes."""
    numbers = sum({id(array): array.size for array in inputs if array is not None}.values())
    if math.prod(shape) > max(SMALL, numbers):
        raise ValueError(f"a result of the shape {tuple(shape)}")


def _reduction(function: Callable[..., Any]) -> Callable[[Node, Inputs], Array]:
    def operator(node: Node, inputs: Inputs) -> Array:
        axes = _whole_numbers(node, inputs, "axes", 1)
        if not axes and node.attributes.get("noop_with_empty_axes", 0):
            raise ValueError("no axes")
        return np.asarray(function(inputs[0], axis=axes or None, keepdims=bool(node.attributes.get("keepdims", 1))))

    return operator


def _cast(node: Node, inputs: Inputs) -> Array:
    (array,) = inputs
    target = node.attributes["to"]
    if target in FLOATS:
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    if target in WHOLE_NUMBERS:
        return array.astype(np.int64)
    raise ValueError(f"the type {target}")


def _clip(node: Node, inputs: Inputs) -> Array:
    low = node.attributes.get("min", _input(inputs, 1))
    high = node.attributes.get("max", _input(inputs, 2))
    return inputs[0] if low is None and high is None else np.clip(inputs[0], low, high)


def _concat(node: Node, inputs: Inputs) -> Array:
    _refuse_growth((sum(array.size for array in inputs),), inputs)
    return np.concatenate(inputs, node.attributes["axis"])


def _gather(node: Node, inputs: Inputs) -> Array:
    array, indices = inputs
    axis = int(node.attributes.get("axis", 0))
    _refuse_growth((array.size // max(array.shape[axis], 1), indices.size), inputs)
    return np.take(array, indices.astype(np.int64), axis)


def _gather_nd(node: Node, inputs: Inputs) -> Array:
    """Gather along the first axis, which is what exporters use it for."""
    array, indices = inputs
    if node.attributes.get("batch_dims", 0) or indices.shape[-1] != 1:
        raise ValueError("indices of several axes")
    return _gather(Node("Gather", node.inputs, node.outputs), (array, indices[..., 0]))


def _divide(dividend: Array, divisor: Array) -> Array:
    if dividend.dtype.kind == "i" and divisor.dtype.kind == "i":
        return np.trunc(dividend / divisor).astype(np.int64)
    return np.divide(dividend, divisor)


def _slice(node: Node, inputs: Inputs) -> Array:
    array = inputs[0]
    starts, ends = (_whole_numbers(node, inputs, name, index) for index, name in enumerate(("starts", "ends"), 1))
    axes = _whole_numbers(node, inputs, "axes", 3)
    steps = _whole_numbers(node, inputs, "steps", 4) or (1,) * len(starts or ())
    chosen = [slice(None)] * array.ndim
    for axis, start, end, step in zip(axes or range(len(steps)), starts or (), ends or (), steps, strict=True):
        length = array.shape[axis]
        # Python reads an end below 0 from the right; ONNX's smallest one means "before the first".
        chosen[axis] = slice(start, None if step < 0 and end < -length else end, step)
    return array[tuple(chosen)]


def _reverse_sequence(node: Node, inputs: Inputs) -> Array:
    """Reverse along the time axis, where every sequence is as long as the axis."""
    array, lengths = inputs
    axis = int(node.attributes.get("time_axis", 0))
    if lengths is None or not (lengths == array.shape[axis]).all():
        raise ValueError("sequences of several lengths")
    return np.flip(array, axis)


def _split(node: Node, inputs: Inputs) -> tuple[Array, ...]:
    axis = int(node.attributes.get("axis", 0))
    parts = _whole_numbers(node, inputs, "split", 1)
    array = inputs[0]
    if parts is None:
        return tuple(np.array_split(array, len(node.outputs), axis))
    return tuple(np.split(array, np.cumsum(parts)[:-1].tolist(), axis))


def _squeeze(node: Node, inputs: Inputs) -> Array:
    return np.squeeze(inputs[0], _whole_numbers(node, inputs, "axes", 1))


def _unsqueeze(node: Node, inputs: Inputs) -> Array:
    return np.expand_dims(inputs[0], _whole_numbers(node, inputs, "axes", 1) or ())


def _reshape(node: Node, inputs: Inputs) -> Array:
    array = inputs[0]
    shape = list(_whole_numbers(node, inputs, "shape", 1) or ())
    if not node.attributes.get("allowzero", 0):
        shape = [array.shape[axis] if size == 0 else size for axis, size in enumerate(shape)]
    return array.reshape(shape)


def _flatten(node: Node, inputs: Inputs) -> Array:
    array = inputs[0]
    axis = int(node.attributes.get("axis", 1))
    return array.reshape(int(np.prod(array.shape[:axis])), -1)


def _expand(node: Node, inputs: Inputs) -> Array:
    array, shape = inputs
    sizes = np.broadcast_shapes(array.shape, tuple(int(size) for size in shape))
    _refuse_growth(sizes, inputs)
    return np.broadcast_to(array, sizes)


def _constant_of_shape(node: Node, inputs: Inputs) -> Array:
    shape = tuple(int(size) for size in np.ravel(inputs[0]))
    _refuse_growth(shape, inputs)
    value = np.ravel(node.attributes.get("value", np.zeros(1)))[0]
    return np.full(shape, value)


def _lp_normalization(node: Node, inputs: Inputs) -> Array:
    array, axis = inputs[0], int(node.attributes.get("axis", -1))
    return array / np.linalg.norm(array, node.attributes.get("p", 2), axis, keepdims=True)


def _batch_norm(node: Node, inputs: Inputs) -> Array:
    array, weight, bias, mean, variance = inputs
    if node.attributes.get("training_mode", 0):
        raise ValueError("a batch norm in training")
    shape = (1, -1, *(1,) * (array.ndim - 2))
    weight, bias, mean, variance = (np.reshape(values, shape) for values in (weight, bias, mean, variance))
    return (array - mean) / np.sqrt(variance + node.attributes.get("epsilon", 1e-5)) * weight + bias


def _dropout(_: Node, inputs: Inputs) -> Array:
    if _input(inputs, 2) is not None and np.any(inputs[2]):
        raise ValueError("a dropout in training")
    return inputs[0]


OPERATORS: dict[str, Callable[[Node, Inputs], Array | tuple[Array, ...]]] = {
    "Abs": _elementwise(np.abs),
    "Add": _elementwise(np.add),
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Div": _elementwise(_divide),
    "Dropout": _dropout,
    "Equal": _elementwise(np.equal),
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "Identity": lambda _, inputs: inputs[0],
    "LpNormalization": _lp_normalization,
    "Max": _elementwise(lambda first, *others: np.max(np.broadcast_arrays(first, *others), 0)),
    "Min": _elementwise(lambda first, *others: np.min(np.broadcast_arrays(first, *others), 0)),
    "Mul": _elementwise(np.multiply),
    "Neg": _elementwise(np.negative),
    "Pow": _elementwise(np.power),
    "Reciprocal": _elementwise(lambda array: 1 / array),
    "ReduceL2": _reduction(lambda array, **settings: np.sqrt(np.sum(array * array, **settings))),
    "ReduceSum": _reduction(np.sum),
    "ReduceSumSquare": _reduction(lambda array, **settings: np.sum(array * array, **settings)),
    "Reshape": _reshape,
    "ReverseSequence": _reverse_sequence,
    "Shape": lambda node, inputs: np.array(
        inputs[0].shape[node.attributes.get("start", 0) : node.attributes.get("end", inputs[0].ndim)], np.int64
    ),
    "Slice": _slice,
    "Split": _split,
    "Sqrt": _elementwise(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _elementwise(np.subtract),
    "Transpose": lambda node, inputs: np.transpose(inputs[0], node.attributes.get("perm")),
    "Unsqueeze": _unsqueeze,
    "Where": _elementwise(np.where),
}
"""How each operator is computed."""
