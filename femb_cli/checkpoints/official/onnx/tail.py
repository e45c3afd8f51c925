"""What an ONNX graph computes of the embedding: its length, or the embedding scaled to length 1.

femb computes these nodes on random embeddings, so that it does not matter how an exporter writes them.

Shapes: B embeddings, D embedding dimension.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from femb_cli.checkpoints.official.onnx.graph import OnnxGraph
from femb_cli.checkpoints.official.onnx.node import Node
from femb_cli.checkpoints.official.onnx.part import compute_part

TOLERANCE = 1e-5
"""Largest deviation from a unit embedding or a length; some graphs add 1e-6 to the length."""


def read_tail(graph: OnnxGraph, embedding: str, nodes: Sequence[Node], *, embedding_dim: int) -> tuple[str, ...] | None:
    """Find what the outputs of a graph are, beside the embedding.

    Args:
        graph: the graph.
        embedding: the value that is the embedding.
        nodes: the nodes that come after it, in the graph's order.
        embedding_dim: D.

    Returns:
        A sentence for each thing that the graph computes and femb leaves out; None if no output is an embedding.
    """
    name, (num_rows, *sizes) = graph.images[0], graph.images[1] or (None,)
    rows_BD = np.random.default_rng(0).normal(size=(min(num_rows or 2, 64), embedding_dim)) * 3
    # Of the images only the shape is read, for the number of rows.
    images = np.broadcast_to(0.0, (len(rows_BD), *(size or 1 for size in sizes)))
    values = compute_part(graph, nodes, {name: images, embedding: rows_BD})
    kinds = {name: _kind(values.get(value), rows_BD) for name, value in graph.outputs.items()}
    if not {"embedding", "unit"} & set(kinds.values()):
        return None
    dropped = [f"the output {name!r} ({_KINDS[kind]})" for name, kind in kinds.items() if kind in _KINDS]
    if "embedding" not in kinds.values():
        dropped.append("the scaling of embeddings to length 1")
    return tuple(dropped)


_KINDS = {"length": "the embedding's length", "other": "not the embedding"}


def _kind(found: NDArray[np.float64] | None, rows_BD: NDArray[np.float64]) -> str:
    """Return `embedding`, `unit`, `length` or `other`."""
    if found is None or found.dtype.kind != "f":
        return "other"
    lengths_B1 = np.linalg.norm(rows_BD, axis=1, keepdims=True)
    expected = {"embedding": rows_BD, "unit": rows_BD / lengths_B1, "length": lengths_B1}
    for kind, numbers in expected.items():
        if found.size == numbers.size and np.abs(found.reshape(numbers.shape) / numbers - 1).max() <= TOLERANCE:
            return kind
    return "other"
