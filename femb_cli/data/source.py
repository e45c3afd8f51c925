"""Sources of images: a known order, and each image read as the encoded bytes it was stored as."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, overload, runtime_checkable

import numpy as np

from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa

Encoded = bytes | memoryview
"""An image as it is stored: JPEG, PNG ..."""


@dataclass(frozen=True)
class Identities:
    """Who is on the images of a source.

    Attributes:
        names: One name for each identity.
        labels_N: int32 or int64, into `names`, one for each image; -1 where the source does not say who it is.
    """

    names: list[str]
    labels_N: np.ndarray


class ImageSource(Protocol):
    """Images in a known order, read one at a time; may be pickled, and read in threads and forked processes.

    Attributes:
        kind: "recordio", "folder", "zip", "list", "files", "dataset" or "parquet".
        path: The file or folder that was opened.
    """

    kind: str
    path: Path

    @property
    def names(self) -> Sequence[str]:
        """Unique, relative, separated by '/'; for records the key as text."""
        ...

    @property
    def identities(self) -> Identities | None:
        """None where nothing says who is on the images, as in a flat folder."""
        ...

    def __len__(self) -> int: ...

    def read(self, index: int) -> bytes:
        """Return the encoded bytes of one image.

        Raises:
            FembError: This image cannot be read; the others may still be sound.
        """
        ...


@runtime_checkable
class ReadsMany(Protocol):
    """A source that reads many images faster at once than one by one."""

    def read_many(self, rows_N: np.ndarray) -> list[Encoded | FembError]:
        """Return the encoded images of some rows, or what is wrong with each."""
        ...


@runtime_checkable
class HasExtraColumns(Protocol):
    """A source that says more of its images than who is on them."""

    def extra(self, rows_N: np.ndarray) -> "pa.Table | None":
        """Return the further columns of some rows, None if there are none after all."""
        ...


@dataclass(frozen=True)
class ImageName:
    """The name of an image as text, looked up only if somebody asks."""

    source: ImageSource
    row: int

    def __str__(self) -> str:
        return self.source.names[self.row]


class ComputedNames(Sequence[str]):
    """Names that are made when asked for, so that forty million of them need no memory."""

    def __init__(
        self, length: int, name_of: Callable[[int], str], names_of: Callable[[np.ndarray], list[str]] | None = None
    ) -> None:
        self._length = length
        self._name_of = name_of
        self._names_of = names_of or (lambda rows_N: [name_of(row) for row in rows_N.tolist()])

    def take(self, rows_N: np.ndarray) -> list[str]:
        """Return the names of some rows."""
        return self._names_of(rows_N)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        rows = range(self._length)[index]
        return self._name_of(rows) if isinstance(rows, int) else [self._name_of(row) for row in rows]


def row_names(length: int) -> ComputedNames:
    """Return the numbers of the rows as names, for images that have none of their own."""
    return ComputedNames(length, lambda row: f"{row:09d}")


def names_of(source: ImageSource, rows_N: np.ndarray) -> list[str]:
    """Return the names of some images."""
    names = source.names
    return names.take(rows_N) if isinstance(names, ComputedNames) else [names[row] for row in rows_N.tolist()]


def read_or_error(source: ImageSource, row: int) -> bytes | FembError:
    """Return the encoded bytes of one image, or what is wrong with it."""
    try:
        return source.read(row)
    except FembError as error:
        return error
