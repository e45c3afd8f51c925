"""The interface of a source of images: encoded images in a fixed order, with names and, where known, identities.

Every format that femb reads has a class that follows the protocol `ImageSource`. The other protocols are capabilities
that some formats have, such as reading many images at once.

Shapes: N images, G row groups.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, overload, runtime_checkable

import numpy as np

from femb_cli.data.identities import FoundPeople, Identities
from femb_cli.data.images.encoded import Encoded
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa


class ImageSource(Protocol):
    """Images in a fixed order, read one at a time; can be pickled, and read by threads and forked processes.

    Attributes:
        kind: "recordio", "folder", "zip", "tar", "webdataset", "lmdb", "list", "files", "several", "dataset" or
            "parquet".
        path: The file or folder that was opened.
    """

    kind: str
    path: Path

    @property
    def names(self) -> Sequence[str]:
        """A unique name for each image: its relative path with '/', or its key in a record file."""
        ...

    @property
    def identities(self) -> Identities | None:
        """The identity of each image; None if the source has none, for example a flat folder."""
        ...

    def __len__(self) -> int: ...

    def read(self, index: int) -> bytes:
        """Return one encoded image.

        Raises:
            FembError: This image cannot be read; others may be readable.
        """
        ...


@runtime_checkable
class ReadsMany(Protocol):
    """A source that reads many images together faster than one by one."""

    def read_many(self, rows_N: np.ndarray) -> list[Encoded | FembError]:
        """Return the encoded image of each row, or the error that reading it raised."""
        ...


@runtime_checkable
class HasExtraColumns(Protocol):
    """A source that stores more than the image and its identity, for example an age."""

    def extra(self, rows_N: np.ndarray) -> "pa.Table | None":
        """Return the extra columns of some rows; None if there are none."""
        ...


@runtime_checkable
class HasLooseFiles(Protocol):
    """A source whose images are single files.

    Attributes:
        root: The folder that the files are in.
    """

    root: Path

    def file(self, index: int) -> str:
        """Return the path of an image's file."""
        ...


@runtime_checkable
class HasFiles(Protocol):
    """A source that is stored in several files.

    Attributes:
        files: All of them, on this machine.
    """

    files: Sequence[Path]


@runtime_checkable
class DerivedSource(Protocol):
    """A source whose images are made from those of another source, as aligned faces are.

    Attributes:
        source: The other source.
        rows_N: For each image the row of `source` that it is made from, int64.
        alignment: How faces were cut out of photos, for a description.
    """

    source: ImageSource
    rows_N: np.ndarray
    alignment: str

    @property
    def derivation(self) -> str:
        """A text that changes whenever the images are made in another way."""
        ...


@runtime_checkable
class HasUnread(Protocol):
    """A source that tells its images from other files around them, such as a folder.

    Attributes:
        unread: Number of visible files that are not read, by ending, `.mp4`; the ending of files without one is empty.
    """

    unread: Mapping[str, int]


@runtime_checkable
class HasColumns(Protocol):
    """A source that is a table.

    Attributes:
        described_columns: Name and type of each column, for error messages.
    """

    described_columns: str


@runtime_checkable
class HasFoundPeople(Protocol):
    """A source that had to find out where it says who is on its images.

    Attributes:
        found: What was found; `identities` are those of the source.
    """

    found: FoundPeople


@dataclass(frozen=True)
class RowGroups:
    """Blocks of consecutive rows that are read as a whole, as in Parquet.

    Attributes:
        starts: First row of each group, ascending, followed by N; int64, (G + 1,).
        at_once: Number of groups that fit into memory.
    """

    starts: np.ndarray
    at_once: int


@runtime_checkable
class HasRowGroups(Protocol):
    """A source that reads whole row groups, so that reading rows in random order is slow."""

    @property
    def groups(self) -> RowGroups:
        """The row groups, in the order of their rows."""
        ...


@dataclass(frozen=True)
class ImageName:
    """The name of an image, looked up only when it is printed."""

    source: ImageSource
    row: int

    def __str__(self) -> str:
        return self.source.names[self.row]


class ComputedNames(Sequence[str]):
    """Names that are computed on access: a list of forty million strings would need gigabytes.

    Args:
        length: N.
        name_of: Returns the name of one row.
        names_of: Returns the names of many rows, if that is faster than one by one.
    """

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
    """Name images by their row numbers, for a source that stores no names."""
    return ComputedNames(length, lambda row: f"{row:09d}")


def names_of(source: ImageSource, rows_N: np.ndarray) -> list[str]:
    """Return the names of some images."""
    names = source.names
    return names.take(rows_N) if isinstance(names, ComputedNames) else [names[row] for row in rows_N.tolist()]


def read_or_error(source: ImageSource, row: int) -> bytes | FembError:
    """Return one encoded image, or the error that reading it raised."""
    try:
        return source.read(row)
    except FembError as error:
        return error


def changed_image(source: ImageSource, row: int, file: object) -> FembError:
    """Return the error for an image whose bytes are not those of its checksum; `file` is where it is stored."""
    return FembError(
        f"the image {source.names[row]!r}, row {row} of {source.path}, has changed since femb wrote it: its bytes in"
        f" {file} do not fit its checksum",
        hint="the dataset is damaged: make it again, and check the disk and the memory of this machine",
    )


def check_identities(source: ImageSource) -> None:
    """Check that training can use the labels: every image has an identity, and every identity has an image.

    Raises:
        FembError: The source has no identities, an image has none, or an identity has no image.
    """
    if source.identities is None:
        raise lacks_identities(source)
    labels_N, names = source.identities.labels_N, source.identities.names
    unlabeled = np.flatnonzero(labels_N < 0)
    if len(unlabeled):
        raise FembError(
            f"{len(unlabeled)} of {len(labels_N)} images of {source.path} have no identity,"
            f" the first is {source.names[int(unlabeled[0])]!r}",
            hint="leave them out with femb convert --on-error skip",
        )
    missing = np.flatnonzero(np.bincount(labels_N, minlength=len(names)) == 0)
    if len(missing):
        raise FembError(
            f"{len(missing)} of {len(names)} labels of {source.path} have no image,"
            f" the first is {missing[0]} ({names[missing[0]]!r})",
            hint="renumber the labels with femb convert",
        )


def lacks_identities(source: ImageSource) -> FembError:
    """Return the error for a source without identities where they are needed; it names the columns of a table."""
    found = source.found if isinstance(source, HasFoundPeople) else FoundPeople(None)
    if not found.problem and isinstance(source, HasColumns):
        return FembError(
            f"{source.path} has no column of identities; its columns are {source.described_columns}",
            hint="--label COLUMN names the column of people",
        )
    return FembError(
        f"{source.path} has no identities{f': {found.problem}' if found.problem else ''}",
        hint=found.hint or "use one folder for each identity, NAME/IMAGE.jpg, or RecordIO with labels",
    )
