"""Compute a few nodes of an ONNX graph on given numbers, to find what they do: names and forms do not matter then."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.checkpoints.official.onnx.graph import OnnxGraph
from femb_cli.checkpoints.official.onnx.node import Node
from femb_cli.checkpoints.official.onnx.operators import NotComputedError, compute

MOST_NODES = 100
"""Nodes before a network or after it; known exporters write fewer than 20."""
MOST_NUMBERS = 2**25
"""Numbers of all results together."""


def compute_part(graph: OnnxGraph, nodes: Iterable[Node], given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Compute nodes in float64, as far as femb can.

    Args:
        graph: the graph, for its constants.
        nodes: the nodes, in the graph's order.
        given: values by name.

    Returns:
        All values by name: the given ones, and those that could be computed from them and from constants.
    """
    values, left = dict(given), MOST_NUMBERS
    for count, node in enumerate(nodes):
        inputs = [_value(graph, values, name) for name in node.inputs]
        if any(array is None and name for name, array in zip(node.inputs, inputs, strict=True)):
            continue
        try:
            results = compute(node, inputs)
        except NotComputedError:
            continue
        left -= sum(result.size for result in results)
        if left < 0 or count >= MOST_NODES:
            break
        values.update(zip(node.outputs, results, strict=False))
    return values


def _value(graph: OnnxGraph, values: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any] | None:
    if name in values:
        return values[name]
    constant = graph.constants.get(name)
    return constant.astype(np.float64) if constant is not None and constant.dtype.kind == "f" else constant
