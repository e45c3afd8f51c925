"""Sources of images: a known order, and each image read as the encoded bytes it was stored as."""

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, overload

import numpy as np

from femb_cli.errors import FembError


@dataclass(frozen=True)
class Identities:
    """Who is on the images of a source.

    Attributes:
        names: One name for each identity.
        labels_N: int64, into `names`, one for each image; -1 where the source does not say who it is.
    """

    names: list[str]
    labels_N: np.ndarray


class ImageSource(Protocol):
    """Images in a known order, read one at a time; may be pickled, and read in threads and forked processes.

    Attributes:
        kind: "recordio", "folder", "zip", "files" or "dataset".
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


class ComputedNames(Sequence[str]):
    """Names that are made when asked for, so that forty million of them need no memory."""

    def __init__(self, length: int, name_of: Callable[[int], str]) -> None:
        self._length = length
        self._name_of = name_of

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        rows = range(self._length)[index]
        return self._name_of(rows) if isinstance(rows, int) else [self._name_of(row) for row in rows]


def open_source(path: str | Path) -> ImageSource:
    """Open whatever `path` is: RecordIO, zip, Hugging Face dataset or a folder of images.

    Raises:
        FembError: There is nothing at `path`, nothing that femb reads, or no image in it.
    """
    path = Path(path)
    if not path.exists():
        raise FembError(f"there is nothing at {path}")
    return _open_folder(path) if path.is_dir() else _open_file(path)


def _open_folder(path: Path) -> ImageSource:
    from femb_cli.data.dataset import DatasetSource
    from femb_cli.data.facts import is_dataset
    from femb_cli.data.folder import FolderSource
    from femb_cli.data.recordio import RecordSource

    if is_dataset(path):
        return DatasetSource(path)
    records = sorted(path.glob("*.rec"))
    if len(records) > 1:
        raise FembError(
            f"{path} holds {len(records)} record files: {', '.join(file.name for file in records)}",
            hint=f"name one of them, as in {records[0]}",
        )
    if not records and (nested := sorted(path.glob("*/*.rec"))):
        raise FembError(f"{path} holds record files in its folders", hint=f"name one of them, as in {nested[0]}")
    return RecordSource(records[0]) if records else FolderSource(path)


def _open_file(path: Path) -> ImageSource:
    from femb_cli.data.archive import ZipSource
    from femb_cli.data.recordio import RecordSource

    if path.suffix == ".rec":
        return RecordSource(path)
    with path.open("rb") as file:
        starts_as_zip = file.read(4) == b"PK\x03\x04"
    if starts_as_zip or path.suffix == ".zip" or zipfile.is_zipfile(path):
        return ZipSource(path)
    if path.suffix == ".bin":
        raise FembError(
            f"{path} looks like a verification set (pairs of images), which says nothing of identities",
            hint="use it as a benchmark; a training set is a .rec file, a zip, a dataset or a folder of identities",
        )
    raise FembError(
        f"{path} is no source of images that femb reads",
        hint="give a .rec file, a zip, a Hugging Face dataset directory or a folder of images",
    )
