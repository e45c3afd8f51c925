"""Write a dataset for other programs: a folder for each person, or WebDataset shards; the image bytes stay the same."""

import json
import tarfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from femb_cli.data.conversion.safe_names import DifferentNames
from femb_cli.data.files.naming import ending_of, has_image_ending
from femb_cli.data.images.signature import START_BYTES, image_format
from femb_cli.data.tar.labels import NAMES_FILE

_ENDINGS = {
    **{"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "TIFF": ".tif", "WEBP": ".webp", "AVIF": ".avif"},
    **{"HEIC": ".heic", "BMP": ".bmp", "PNM": ".ppm"},
}


class FileWriter(Protocol):
    """Writes images one after the other; a context manager.

    Attributes:
        renamed: What each written path would be called if every name could be that of a file, where it is not.
    """

    renamed: dict[str, str]

    def write(self, image: bytes, label: int, name: str) -> None:
        """Write one encoded image of a person; `name` is its path in the source."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class FolderWriter:
    """Writes PERSON/IMAGE.jpg, with the names of the source as far as they can be those of files.

    Args:
        directory: Where to write; it exists.
        people: Name of each person.

    Attributes:
        renamed: For each path with other names than in the source those names.
    """

    def __init__(self, directory: Path, people: list[str]) -> None:
        self._directory, self._people = directory, people
        self._names = DifferentNames()
        self._folders: dict[int, str] = {}
        self.renamed: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is open."""

    def write(self, image: bytes, label: int, name: str) -> None:
        """Write one encoded image of a person; `name` is its path in the source."""
        if label not in self._folders:
            folder = self._folders[label] = self._names.take(self._people[label])
            (self._directory / folder).mkdir()
            if folder != self._people[label]:
                self.renamed[folder] = self._people[label]
        folder = self._folders[label]
        wanted = _with_ending(name.rpartition("/")[2], image)
        file = self._names.take(wanted, folder)
        if file != wanted:
            self.renamed[f"{folder}/{file}"] = name
        (self._directory / folder / file).write_bytes(image)


class ShardWriter:
    """Writes WebDataset shards of KEY.jpg and KEY.cls, and the name of each number in `NAMES_FILE`.

    KEY is the name of the image in the source without its ending, and a dot in its last part becomes `_`, because
    WebDataset takes what follows the first dot for the ending.

    Args:
        directory: Where to write; it exists.
        people: Name of each person.
        name: How the names of the shards begin.
        shard_bytes: Bytes of images after which a new shard starts.

    Attributes:
        renamed: For each member with another name than in the source that name.
    """

    def __init__(self, directory: Path, people: list[str], *, name: str, shard_bytes: int) -> None:
        self._directory, self._people, self._name, self._shard_bytes = directory, people, name, shard_bytes
        self._names = DifferentNames()
        self._shard: BinaryIO | None = None
        self._bytes = 0
        self.count = 0
        self.renamed: dict[str, str] = {}

    def __enter__(self) -> Self:
        (self._directory / NAMES_FILE).write_text(json.dumps(self._people, ensure_ascii=False), encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shard is not None:
            self._close(self._shard)

    def write(self, image: bytes, label: int, name: str) -> None:
        """Write one encoded image of a person; `name` is its path in the source."""
        if self._shard is None or self._bytes >= self._shard_bytes:
            self._open_next()
        wanted = _with_ending(name, image)
        ending = ending_of(wanted)
        folder, _, stem = wanted.removesuffix(ending).rpartition("/")
        place = "/".join(DifferentNames().take(part) for part in folder.split("/")) if folder else ""
        key = "/".join(filter(None, (place, self._names.take(stem.replace(".", "_"), place))))
        if key + ending != wanted:
            self.renamed[key + ending] = name
        self._add(key + ending, image)
        self._add(f"{key}.cls", str(label).encode())
        self._bytes += len(image)

    def _open_next(self) -> None:
        if self._shard is not None:
            self._close(self._shard)
        self._shard = (self._directory / f"{self._name}-{self.count:05d}.tar").open("wb")
        self._bytes, self.count = 0, self.count + 1

    def _add(self, name: str, content: bytes) -> None:
        assert self._shard is not None, "a shard is open"
        member = tarfile.TarInfo(name)
        member.size = len(content)
        # A TarFile would keep a kilobyte of each member in memory.
        self._shard.write(member.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE))

    def _close(self, shard: BinaryIO) -> None:
        """Write the end mark, two blocks of zeros, and fill up to a whole record."""
        end = 2 * tarfile.BLOCKSIZE
        shard.write(bytes(end + -(shard.tell() + end) % tarfile.RECORDSIZE))
        shard.close()


def _with_ending(name: str, image: bytes) -> str:
    """Return the name of an image with an ending: its own, or one by its content."""
    if has_image_ending(name):
        return name
    return f"{name}{_ENDINGS.get(image_format(image[:START_BYTES]) or 'JPEG', '.jpg')}"
