"""Images in an LMDB database, as HSFace and WebFace4M of Vec2Face are published.

Shapes: N images.
"""

import os
import re
import warnings
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from femb_cli.data.files.layout import read_layout
from femb_cli.data.files.naming import check_text
from femb_cli.data.identities import FoundPeople, Identities, identities_from_values
from femb_cli.data.lmdb.pages import Entry, is_lmdb, read_entries
from femb_cli.data.lmdb.values import Labelled, Piece, UnknownValue, read_number, read_value
from femb_cli.data.read_as import AS_FOUND, ReadAs
from femb_cli.data.source import ComputedNames
from femb_cli.data.tar.texts import Texts
from femb_cli.errors import FembError

_FILE = "data.mdb"
_ABOUT = frozenset({b"__len__", b"__keys__", b"__classnum__"})
_NUMBER = b"__len__"
_IS_NUMBER = re.compile(rb"0|[1-9][0-9]{0,17}")


def lmdb_files(path: Path) -> list[Path]:
    """Return the databases that a path names: itself, the one in it, or those that lie in a folder as `NAME.lmdb`."""
    if not path.is_dir():
        with path.open("rb") as file:
            return [path] if is_lmdb(file.read(32)) else []
    if (path / _FILE).is_file():
        return [path / _FILE]
    return sorted(file for file in path.glob("*.lmdb") if lmdb_files(file))


class LmdbSource:
    """The images of an LMDB database, in the order of their keys, numbers as numbers.

    The value of a key holds the image and a label, or the image alone; see `read_value`. Then the keys are paths, and
    the folder of an image is its person, as in `FolderSource`. An entry that femb cannot read stays among the images,
    without an identity; reading it raises `FembError`.

    Args:
        path: What the user has named.
        file: The file of the database.
        read_as: The level of the folders that are people, if the keys are paths.

    Attributes:
        kind: "lmdb".
        found: Who is on the images, and what femb guessed of it.
        files: The file.

    Raises:
        FembError: The file is damaged, see `read_entries`, or holds no image.

    Warns:
        UserWarning: The database states another number of images.
    """

    kind = "lmdb"

    def __init__(self, path: Path, file: Path, read_as: ReadAs = AS_FOUND) -> None:
        self.path, self.files, self._read_as = path, (file,), read_as
        try:
            self._descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise FembError(f"cannot read {file}: {error.strerror}") from error
        rows = _Rows(self._descriptor, file)
        if not rows.num_readable:
            raise rows.nothing_readable(path)
        if rows.stated not in (None, len(rows)):
            warnings.warn(f"{path} states {rows.stated:,} images and holds {len(rows):,}", stacklevel=3)
        self._offsets_N, self._sizes_N, self._reasons = rows.images()
        self.names = rows.names()
        identities = rows.identities() if read_as.person_folder is None else None
        self.found = (
            read_layout([self.names[row] for row in range(len(self))], read_as.person_folder)
            if identities is None
            else FoundPeople(identities)
        )
        self.identities = self.found.identities

    def __len__(self) -> int:
        return len(self._offsets_N)

    def __reduce__(self) -> tuple[Callable[[], "LmdbSource"], tuple[()]]:
        return partial(LmdbSource, self.path, self.files[0], self._read_as), ()

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        index = range(len(self))[index]
        if index in self._reasons:
            raise FembError(f"the value of {self.names[index]!r} in {self.path}: {self._reasons[index]}")
        size = int(self._sizes_N[index])
        try:
            image = os.pread(self._descriptor, size, int(self._offsets_N[index]))
        except OSError as error:
            raise FembError(f"cannot read {self.files[0]}: {error.strerror}") from error
        if len(image) < size:
            raise FembError(
                f"{self.names[index]!r} in {self.path} is cut short", hint="the file has changed since femb opened it"
            )
        return image


class _Rows:
    """The images of a database, in the order of the file while it is read.

    Args:
        descriptor: The open file.
        file: Its path, for messages.

    Attributes:
        stated: Number of images that the database states; None if it does not.
        num_readable: Number of images that were found.
    """

    def __init__(self, descriptor: int, file: Path) -> None:
        self.stated: int | None = None
        self.num_readable = 0
        self._file = file
        self._keys, self._ends = bytearray(), array("q")
        self._numbers: array[int] | None = array("q")  # None if a key is no number
        self._offsets, self._sizes, self._labels = array("q"), array("q"), array("q")
        self._texts: dict[int, str] = {}
        self._reasons: dict[int, str] = {}
        try:
            for entry in read_entries(descriptor, file):
                self._add(entry, Piece(descriptor, entry.offset, entry.size))
        except OSError as error:
            raise FembError(f"cannot read {file}: {error.strerror}") from error
        numbers = self._numbers
        self._order_N = np.arange(len(self)) if numbers is None else np.argsort(np.array(numbers, dtype=np.int64))

    def __len__(self) -> int:
        return len(self._offsets)

    def _add(self, entry: Entry, value: Piece) -> None:
        if entry.key in _ABOUT:
            self.stated = read_number(value) if entry.key == _NUMBER else self.stated
            return
        try:
            found = read_value(value)
            self.num_readable += 1
        except UnknownValue as unknown:
            self._reasons[len(self)] = str(unknown)
            found = Labelled(value, None)
        if isinstance(found.label, str):
            self._texts[len(self)] = found.label
        self._labels.append(found.label if isinstance(found.label, int) and 0 <= found.label < 2**63 else -1)
        self._offsets.append(found.image.offset)
        self._sizes.append(found.image.size)
        self._keys += entry.key
        self._ends.append(len(self._keys))
        if self._numbers is not None and _IS_NUMBER.fullmatch(entry.key):
            self._numbers.append(int(entry.key))
        else:
            self._numbers = None

    def nothing_readable(self, path: Path) -> FembError:
        """Return the error for a database without an image that femb can read."""
        if not len(self):
            return FembError(f"no images in {path}: the database is empty")
        key = bytes(self._keys[: self._ends[0]])
        return FembError(
            f"no images in {path}, an LMDB database: the value of {key!r} is of no kind that femb reads:"
            f" {self._reasons[0]}",
            hint="femb reads (image, label) in MessagePack or a pickle, and images as they are; write others to a"
            " folder for each person, PERSON/NUMBER.jpg, with the lmdb package and the script of the project",
        )

    def images(self) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
        """Return the offsets and sizes of the images, int64, (N,), and by row why one cannot be read."""
        reasons = {
            place: self._reasons[row] for place, row in enumerate(self._order_N.tolist()) if row in self._reasons
        }
        return np.array(self._offsets)[self._order_N], np.array(self._sizes)[self._order_N], reasons

    def names(self) -> Sequence[str]:
        """Return the keys as text.

        Raises:
            FembError: A key is not text.
        """
        if self._numbers is not None:
            numbers_N = np.array(self._numbers)[self._order_N]
            return ComputedNames(len(self), lambda row: str(numbers_N[row]))
        texts = Texts(np.frombuffer(self._keys, dtype=np.uint8), np.array(self._ends))
        for row in range(len(texts)):
            check_text(texts[row], self._file)
        return ComputedNames(len(self), texts.__getitem__)

    def identities(self) -> Identities | None:
        """Return one identity of each label, a text if any label is one; None if there is no label."""
        import pyarrow as pa

        labels_N = np.array(self._labels)[self._order_N]
        numbers_N = pa.array(labels_N, mask=labels_N < 0)
        if self._texts:
            texts_N = [self._texts.get(row) for row in self._order_N.tolist()]
            numbers_N = pa.array(
                [text or number for text, number in zip(texts_N, numbers_N.cast(pa.string()).to_pylist(), strict=True)],
                pa.large_string(),
            )
        return identities_from_values(numbers_N) if numbers_N.null_count < len(self) else None
