"""An array that grows while a file is read."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


class GrowingArray:
    """A flat array that grows at its end, and is never held twice."""

    def __init__(self, dtype: DTypeLike) -> None:
        """Start without numbers."""
        self._dtype, self._content = np.dtype(dtype), bytearray()

    def __len__(self) -> int:
        return len(self._content) // self._dtype.itemsize

    def extend(self, numbers: ArrayLike) -> None:
        """Add numbers at the end."""
        self._content += np.ascontiguousarray(numbers, dtype=self._dtype).data

    def array(self) -> NDArray[Any]:
        """Return all numbers, (N,); after this, none can be added."""
        return np.frombuffer(self._content, dtype=self._dtype)
