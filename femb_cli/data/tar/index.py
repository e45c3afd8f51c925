"""The index of an archive: where each image is, and its labels; read once and kept in femb's cache.

Shapes: N images.
"""

import json
import logging
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from femb_cli.data.tar.samples import read_samples
from femb_cli.data.tar.texts import Texts
from femb_cli.errors import FembError
from femb_cli.files import cache_folder, new_file

logger = logging.getLogger("femb")

_VERSION = 1
_WORTH_KEEPING_BYTES = 2**20


@dataclass(frozen=True)
class ArchiveIndex:
    """What is in an archive, as `Samples`, in arrays.

    Attributes:
        names: Name of each image in the archive.
        offsets_N: Where its bytes start, int64.
        sizes_N: Number of its bytes, int64.
        fields: Its text in each field that may say who is shown.
        held_by: For each field the ending of the members that hold it, and how many of them are beside an image.
        unread: Number of members that are no images, by ending.
    """

    names: Texts
    offsets_N: np.ndarray
    sizes_N: np.ndarray
    fields: dict[str, Texts]
    held_by: dict[str, tuple[str, int]]
    unread: dict[str, int]

    def __len__(self) -> int:
        return len(self.names)


def index_of(archive: Path, label: str | None = None) -> ArchiveIndex:
    """Return the index of an archive: the one in the cache, or else made in one pass over the headers.

    Args:
        archive: A tar file that is not compressed.
        label: As in `read_samples`.

    Raises:
        FembError: As `read_samples`, or the archive cannot be opened.
    """
    try:
        status = archive.stat()
    except OSError as error:
        raise FembError(f"cannot read {archive}: {error.strerror}") from error
    key = f"{_VERSION} {archive.resolve()} {status.st_size} {status.st_mtime_ns} {label}"
    kept = cache_folder() / "tar" / f"{xxhash.xxh3_128_hexdigest(key.encode(errors='surrogateescape'))}.npz"
    with suppress(OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return _load(kept, status.st_size)
    index = _make(archive, label)
    if status.st_size >= _WORTH_KEEPING_BYTES:
        # Without a cache it is made each time.
        with suppress(FembError), new_file(kept, overwrite=True) as aside:
            _save(index, aside)
    return index


def _make(archive: Path, label: str | None) -> ArchiveIndex:
    samples = read_samples(archive, label)
    return ArchiveIndex(
        Texts.of(image.name for image in samples.images),
        np.array([image.offset for image in samples.images], dtype=np.int64),
        np.array([image.size for image in samples.images], dtype=np.int64),
        {field: Texts.of(texts) for field, texts in samples.fields.items()},
        samples.held_by,
        samples.unread,
    )


def _save(index: ArchiveIndex, path: Path) -> None:
    about = json.dumps({"held_by": index.held_by, "unread": index.unread})
    arrays = dict(_arrays(index)) | {"about": np.frombuffer(about.encode(), dtype=np.uint8)}
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes each for its own option


def _arrays(index: ArchiveIndex) -> Iterator[tuple[str, np.ndarray]]:
    yield from (("offsets", index.offsets_N), ("sizes", index.sizes_N))
    for name, texts in {
        "names": index.names,
        **{f"field:{name}": texts for name, texts in index.fields.items()},
    }.items():
        yield from ((f"{name}:data", texts.data), (f"{name}:ends", texts.ends_N))


def _load(path: Path, length: int) -> ArchiveIndex:
    """Read an index.

    Args:
        path: Its file.
        length: Bytes of the archive.

    Raises:
        ValueError: It is damaged, as any of the other errors of `np.load` says.
    """
    with np.load(path, allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        texts = {
            name: Texts(arrays[f"{name}:data"], arrays[f"{name}:ends"])
            for name in ["names", *(f"field:{field}" for field in about["held_by"])]
        }
        offsets_N, sizes_N = arrays["offsets"], arrays["sizes"]
    fits = (offsets_N >= 0).all() and (sizes_N >= 0).all() and (offsets_N + sizes_N <= length).all()
    lengths = {len(offsets_N), len(sizes_N), *map(len, texts.values())}
    if not fits or len(lengths) > 1 or not all(text.is_sound for text in texts.values()):
        raise ValueError(f"{path} is damaged")
    held_by = {field: (ending, number) for field, (ending, number) in about["held_by"].items()}
    fields = {field: texts[f"field:{field}"] for field in held_by}
    return ArchiveIndex(texts["names"], offsets_N, sizes_N, fields, held_by, about["unread"])
