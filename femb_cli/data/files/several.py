"""Several sources of images as one, one after the other."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from femb_cli.data.files.folder import FileListSource, FolderSource, names_below, refuse_repeated
from femb_cli.data.files.layout import read_layout
from femb_cli.data.files.unread import unread_of
from femb_cli.data.files.zip import ZipSource
from femb_cli.data.identities import Identities
from femb_cli.data.source import ComputedNames, ImageSource


class SeveralSources:
    """The images of several sources, in the order of the sources.

    Each name starts with the path of its source, so that `a/1.jpg` and `b/1.jpg` stay apart. There are no identities,
    because the sources may call different people by the same name.

    Args:
        path: The folder that the paths of the sources are relative to.
        parts: The path of each source with '/', and the source; an empty path or '.' leaves its names as they are.
        unread: Number of files, by ending, that were given and are not read.

    Attributes:
        unread: Number of files that are not read, with those that the sources have counted.

    Raises:
        FembError: An image has the name of another, because it was given twice.
    """

    kind = "several"
    identities: Identities | None = None

    def __init__(
        self, path: Path, parts: Sequence[tuple[str, ImageSource]], unread: Mapping[str, int] | None = None
    ) -> None:
        self.path = path
        self._sources = [source for _, source in parts]
        self._prefixes = ["" if place in ("", ".") else f"{place}/" for place, _ in parts]
        self._starts = [0]
        for source in self._sources:
            self._starts.append(self._starts[-1] + len(source))
        # A source in one file, or a dataset, shares no names with others but with itself.
        refuse_repeated([place for place, _ in parts if place])
        refuse_repeated([prefix + name for prefix, source in self._loose() for name in source.names])
        counts = Counter(unread or {})
        for source in self._sources:
            counts.update(unread_of(source))
        self.unread: Mapping[str, int] = dict(counts)

    @property
    def names(self) -> Sequence[str]:
        """Unique names, made on access."""
        return ComputedNames(len(self), self._name)

    def __len__(self) -> int:
        return self._starts[-1]

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        part, row = self._locate(index)
        return self._sources[part].read(row)

    def _loose(self) -> list[tuple[str, ImageSource]]:
        """Return the parts whose images are files, which may be part of another one, too."""
        parts = zip(self._prefixes, self._sources, strict=True)
        return [part for part in parts if isinstance(part[1], FolderSource | FileListSource)]

    def _name(self, index: int) -> str:
        part, row = self._locate(index)
        return self._prefixes[part] + self._sources[part].names[row]

    def _locate(self, index: int) -> tuple[int, int]:
        """Return the part of an image, and its row in that part."""
        index = range(len(self))[index]
        part = bisect_right(self._starts, index) - 1
        return part, index - self._starts[part]


class ZipParts(SeveralSources):
    """The images of several zip archives that are the parts of one dataset.

    The folders of all archives together say who is on the images, so that folders of the same name in two archives are
    one person.

    Args:
        path: The folder of the archives.
        archives: The archives.
        person_folder: The level of the folders that are people, see `read_layout`.

    Attributes:
        files: The archives.
        found: Who is on the images, and what femb guessed of it.

    Raises:
        FembError: As `ZipSource`.
    """

    def __init__(self, path: Path, archives: Sequence[Path], person_folder: str | None = None) -> None:
        parts = [ZipSource(archive) for archive in archives]
        super().__init__(path, list(zip(names_below(path, archives), parts, strict=True)))
        self.files: Sequence[Path] = tuple(archives)
        self._person_folder = person_folder
        self.found = read_layout([name for part in parts for name in part.names], person_folder)
        self.identities = self.found.identities

    def __reduce__(self) -> "tuple[type[ZipParts], tuple[Path, Sequence[Path], str | None]]":
        return ZipParts, (self.path, self.files, self._person_folder)
