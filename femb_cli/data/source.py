"""Sources of images: a known order, and each image read as the encoded bytes it was stored as."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, overload, runtime_checkable

import numpy as np

from femb_cli.data.identities import Identities
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa

Encoded = bytes | memoryview
"""An image as it is stored: JPEG, PNG ..."""


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
class RowGroups:
    """Neighbouring rows that can only be read together, as in Parquet.

    Attributes:
        starts: First row of each group, ascending, then N; int64, (G + 1,).
        at_once: How many groups memory holds.
    """

    starts: np.ndarray
    at_once: int


@runtime_checkable
class HasRowGroups(Protocol):
    """A source whose rows are read fast only by the group, as in Parquet."""

    @property
    def groups(self) -> RowGroups:
        """Which rows are read together."""
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


def check_identities(source: ImageSource) -> None:
    """Check that the labels of a source can be trained on: each image has one, and each identity an image.

    Raises:
        FembError: Naming the first image without an identity, or the first label without an image.
    """
    if source.identities is None:
        raise FembError(f"{source.path} does not say who is on its images")
    labels_N, names = source.identities.labels_N, source.identities.names
    unknown = np.flatnonzero(labels_N < 0)
    if len(unknown):
        raise FembError(
            f"{len(unknown)} of {len(labels_N)} images of {source.path} have no identity,"
            f" the first is {source.names[int(unknown[0])]!r}",
            hint="leave them out with femb convert --on-error skip",
        )
    missing = np.flatnonzero(np.bincount(labels_N, minlength=len(names)) == 0)
    if len(missing):
        raise FembError(
            f"{len(missing)} of {len(names)} labels of {source.path} have no image,"
            f" the first is {missing[0]} ({names[missing[0]]!r})",
            hint="number the identities anew with femb convert",
        )
