"""One operation of an ONNX graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Node:
    """One operation of a graph.

    Attributes:
        op: the operator's name, with its domain in front if that is not ONNX's own.
        inputs: names of the values that it reads; instead of an Identity's output, the Identity's input.
        outputs: names of its outputs.
        attributes: its settings: numbers, texts (bytes) and tuples of them; a Constant's value as an array.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """The name of its first output."""
        return self.outputs[0]

    def __str__(self) -> str:
        return f"{self.op} (output {self.output!r})"
