"""Many short texts in two arrays: a list of five million strings would take half a gigabyte.

Shapes: N texts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Texts:
    """Texts in UTF-8, one after the other.

    Attributes:
        data: The bytes of all texts, uint8.
        ends_N: Where each text ends, int64, (N,); it starts where the one before ends.
    """

    data: np.ndarray
    ends_N: np.ndarray

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Store some texts."""
        encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
        ends_N = np.cumsum([len(text) for text in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), ends_N)

    @classmethod
    def empty(cls, length: int) -> Self:
        """Return N empty texts."""
        return cls(np.empty(0, dtype=np.uint8), np.zeros(length, dtype=np.int64))

    @classmethod
    def joined(cls, parts: "Sequence[Texts]") -> Self:
        """Put the texts of several into one."""
        before = np.cumsum([0, *(len(part.data) for part in parts[:-1])])
        ends = [part.ends_N + start for part, start in zip(parts, before.tolist(), strict=True)]
        return cls(np.concatenate([part.data for part in parts]), np.concatenate(ends))

    @property
    def is_sound(self) -> bool:
        """Whether the ends are ascending, and the last one is the end of the bytes."""
        ends_N = np.concatenate([[0], self.ends_N])
        return bool((ends_N[1:] >= ends_N[:-1]).all()) and int(ends_N[-1]) == len(self.data)

    def __len__(self) -> int:
        return len(self.ends_N)

    def __getitem__(self, index: int) -> str:
        start = int(self.ends_N[index - 1]) if index else 0
        return self.data[start : int(self.ends_N[index])].tobytes().decode("utf-8", "surrogateescape")

    def arrow(self) -> "pa.Array":
        """Return the texts as an Arrow array, without copying their bytes."""
        import pyarrow as pa

        ends = pa.py_buffer(np.concatenate([[0], self.ends_N]))
        return pa.Array.from_buffers(pa.large_string(), len(self), [None, ends, pa.py_buffer(self.data)])
