"""Read MXNet's `.params` files: a list of arrays and a list of their names.

The format, after MXNet's src/ndarray/ndarray.cc, all numbers little-endian:

    uint64 0x112, uint64 0
    uint64 number of arrays; each: uint32 version, int32 storage (version 2 and later; 0 is dense), uint32 dimensions,
        int64 sizes, int32 device, int32 device's number, int32 data type, the values
    uint64 number of names; each: uint64 length, UTF-8

In files from before version 1, the number of dimensions stands in place of the version, and sizes are uint32.
"""

import math
import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from femb_cli.errors import FembError

MAGIC = struct.pack("<QQ", 0x112, 0)
FIRST_VERSION = 0xF993FAC8
VERSIONS = (FIRST_VERSION, FIRST_VERSION + 1, FIRST_VERSION + 2)
MOST_DIMENSIONS = 32
TYPES = ("<f4", "<f8", "<f2", "|u1", "<i4", "|i1", "<i8")
"""NumPy's names of the data types, by MXNet's number."""


def read_mxnet_params(file: Path) -> dict[str, Tensor]:
    """Read the arrays of a `.params` file by their names, without `arg:` and `aux:` before them.

    Raises:
        FembError: the file ends early, or holds arrays that are sparse or of an unknown type.
    """
    try:
        content = np.memmap(file, dtype=np.uint8, mode="r")
        reader = _Reader(content)
        reader.at = len(MAGIC)
        arrays = [reader.array() for _ in range(reader.count())]
        names = [reader.text() for _ in range(reader.count())]
    except (OSError, ValueError, struct.error) as error:
        raise FembError(
            f"{file} is not a readable MXNet file: it is incomplete, damaged or of another kind ({error})",
            hint="download it again",
        ) from error
    if len(names) != len(arrays):
        raise FembError(f"{file} holds {len(arrays)} arrays, but {len(names)} names: femb reads named weights only")
    return {name.removeprefix("arg:").removeprefix("aux:"): array for name, array in zip(names, arrays, strict=True)}


class _Reader:
    """Reads a file's bytes one value after the other; `at` is the place of the next."""

    def __init__(self, content: np.ndarray) -> None:
        self.content, self.at = content, 0

    def numbers(self, form: str, count: int = 1) -> tuple[int, ...]:
        return struct.unpack(f"<{count}{form}", self.take(count * struct.calcsize(form)).tobytes())

    def take(self, length: int) -> np.ndarray:
        if length > len(self.content) - self.at:
            raise ValueError(f"{length} bytes are expected at {self.at} of {len(self.content)}")
        self.at += length
        return self.content[self.at - length : self.at]

    def count(self) -> int:
        """Read the length of a list, whose entries take 8 bytes each at least."""
        (count,) = self.numbers("Q")
        if count > len(self.content) // 8:
            raise ValueError(f"a list of {count} entries in {len(self.content)} bytes")
        return count

    def text(self) -> str:
        return self.take(self.numbers("Q")[0]).tobytes().decode("utf-8")

    def array(self) -> Tensor:
        (version,) = self.numbers("I")
        if version > FIRST_VERSION and version in VERSIONS and (storage := self.numbers("i")[0]) != 0:
            raise ValueError(f"a sparse array, of storage {storage}")
        dimensions = self.numbers("I")[0] if version in VERSIONS else version
        if not dimensions:  # an array that was never filled: nothing follows
            return torch.empty(0)
        if dimensions > MOST_DIMENSIONS:
            raise ValueError(f"an array of {dimensions} dimensions")
        shape = self.numbers("q" if version in VERSIONS else "I", dimensions)
        _, _, kind = self.numbers("i", 3)
        if not 0 <= kind < len(TYPES) or any(size < 0 for size in shape):
            raise ValueError(f"an array of the data type {kind} and the shape {shape}")
        dtype = np.dtype(TYPES[kind])
        values = self.take(math.prod(shape) * dtype.itemsize).view(dtype).reshape(shape)
        return torch.from_numpy(values.copy())
