"""Images in tar archives, read in place: WebDataset shards, or folders of people that were packed.

Shapes: N images.
"""

import os
import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import xxhash

from femb_cli.data.files.layout import read_layout
from femb_cli.data.files.other_formats import no_images_in_archive
from femb_cli.data.identities import FoundPeople
from femb_cli.data.read_as import AS_FOUND, ReadAs
from femb_cli.data.source import ComputedNames
from femb_cli.data.tar.compressed import remove_unpacked, unpacked
from femb_cli.data.tar.index import index_of
from femb_cli.data.tar.labels import choose_field, count_unread, identities_of_field
from femb_cli.data.tar.texts import Texts
from femb_cli.errors import FembError

_MOST_OPEN_FILES = 512


class TarSource:
    """The images of some tar archives, in the order of the archives and of their members.

    In a WebDataset a member beside each image says who is shown, `000001.cls` beside `000001.jpg`; see `choose_field`.
    Without such members the identity is the folder of an image, as in `FolderSource`.

    `names` are the names in the archives, after the name of the archive and '/' if two archives have the same names.

    Args:
        path: What the user has named: an archive, a folder of archives or a pattern.
        archives: The archives; compressed ones are unpacked into femb's cache.
        read_as: The field that says who is shown (`label`), or the level of the folders that do; to be found if not
            given.

    Attributes:
        kind: "webdataset" or "tar".
        found: Who is on the images, and what femb guessed of it.
        files: The archives.
        unread: Number of visible members that are not read, by ending.

    Raises:
        FembError: An archive is damaged or suspicious, see `read_samples`, or none holds an image.

    Warns:
        UserWarning: As `identities_of_field`.
    """

    def __init__(self, path: Path, archives: Sequence[Path], read_as: ReadAs = AS_FOUND) -> None:
        self.path, self._read_as = path, read_as
        self.files: Sequence[Path] = tuple(archives)
        self._stored = unpacked(archives)
        indexes = [index_of(archive, read_as.label) for archive in self._stored]
        self._starts = np.cumsum([0, *map(len, indexes)]).tolist()
        by_folder = read_as.person_folder is not None and read_as.label is None
        field, guess = (None, "") if by_folder else choose_field(indexes, read_as.label, path)
        self.kind = "tar" if field is None else "webdataset"
        self.unread = count_unread(indexes, field)
        if not len(self):
            raise no_images_in_archive(path, self.unread)
        self._names = Texts.joined([index.names for index in indexes])
        self._offsets_N = np.concatenate([index.offsets_N for index in indexes])
        self._sizes_N = np.concatenate([index.sizes_N for index in indexes])
        self._opened = _OpenFiles(self._stored)
        if field is None:
            self.found = read_layout([self._names[row] for row in range(len(self))], read_as.person_folder)
        else:
            self.found = FoundPeople(identities_of_field(field, indexes, self.files, path), guess)
        self.identities = self.found.identities

    def __len__(self) -> int:
        return self._starts[-1]

    def __reduce__(self) -> tuple[Callable[[], "TarSource"], tuple[()]]:
        return partial(TarSource, self.path, self.files, self._read_as), ()

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        index = range(len(self))[index]
        archive = bisect_right(self._starts, index) - 1
        size = int(self._sizes_N[index])
        try:
            image = self._opened.read(archive, size, int(self._offsets_N[index]))
        except OSError as error:
            raise FembError(f"cannot read {self.files[archive]}: {error.strerror}") from error
        if len(image) < size:
            raise FembError(
                f"{self._names[index]!r} in {self.files[archive]} is cut short",
                hint="the archive has changed since femb opened it",
            )
        return image

    def remove_unpacked(self) -> None:
        """Remove the unpacked copies of compressed archives; the source cannot be read any longer."""
        remove_unpacked(self.files)

    @cached_property
    def names(self) -> Sequence[str]:
        """Unique names, converted to text on access."""
        if self._are_unique():
            return ComputedNames(len(self), self._names.__getitem__)
        return ComputedNames(len(self), lambda row: f"{self._archive_of(row).name}/{self._names[row]}")

    def _archive_of(self, row: int) -> Path:
        return self.files[bisect_right(self._starts, row) - 1]

    def _are_unique(self) -> bool:
        """Whether no two archives have the same name; in an archive all are different."""
        if len(self.files) == 1:
            return True
        ends, data = self._names.ends_N.tolist(), memoryview(self._names.data.tobytes())
        hashes = (xxhash.xxh3_64_intdigest(data[start:end]) for start, end in zip([0, *ends], ends, strict=False))
        return len(np.unique(np.fromiter(hashes, dtype=np.uint64, count=len(self)))) == len(self)


class _OpenFiles:
    """Files that are opened when they are first read, and stay open as long as they are few.

    Args:
        files: The files.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._descriptors: dict[int, int] = {}
        self._lock = threading.Lock()

    def __del__(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)

    def read(self, file: int, size: int, offset: int) -> bytes:
        """Return `size` bytes of a file, or less at its end."""
        descriptor = self._descriptors.get(file)
        if descriptor is None and len(self._descriptors) < _MOST_OPEN_FILES:
            with self._lock:
                if file not in self._descriptors:
                    self._descriptors[file] = os.open(self._files[file], os.O_RDONLY | os.O_CLOEXEC)
            descriptor = self._descriptors[file]
        if descriptor is not None:
            return os.pread(descriptor, size, offset)
        once = os.open(self._files[file], os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(once, size, offset)
        finally:
            os.close(once)
