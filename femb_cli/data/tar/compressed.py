"""Compressed archives: unpacked once into femb's cache, because a compressed stream cannot be read at any place."""

import bz2
import gzip
import logging
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import xxhash

from femb_cli.data.tar.format import BLOCK, is_tar_header
from femb_cli.errors import FembError
from femb_cli.files import cache_folder, new_file, one_at_a_time, remove_leftovers

logger = logging.getLogger("femb")

_OPEN: dict[bytes, Callable[[Path], IO[bytes]]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open}  # type: ignore[dict-item]
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, ValueError)
_PIECE = 2**20
_LARGEST_RATIO = 100
_ALWAYS_ALLOWED_BYTES = 2**30
_SECONDS_UNTIL_LOCKED = 60


def is_compressed(path: Path) -> bool:
    """Whether a file is compressed by gzip or bzip2."""
    with path.open("rb") as file:
        return file.read(3).startswith(tuple(_OPEN))


def is_compressed_tar(path: Path) -> bool:
    """Whether a compressed file holds a tar archive."""
    try:
        with _open(path) as stream:
            return is_tar_header(stream.read(BLOCK))
    except (OSError, *_DAMAGE):
        return False


def unpacked(archives: Sequence[Path]) -> list[Path]:
    """Return each archive itself if it is not compressed, and otherwise its unpacked copy in the cache, made if needed.

    Raises:
        FembError: An archive cannot be read, is damaged, or unpacks to more than a hundred times its size; or the cache
            cannot be written to.
    """
    copies = {archive: copy for archive in archives if (copy := _copy_of(archive)) is not None}
    missing = [archive for archive, copy in copies.items() if not copy.exists()]
    if missing:
        _remove_half_unpacked()
        size = sum(archive.stat().st_size for archive in missing)
        some = str(missing[0]) if len(missing) == 1 else f"{len(missing):,} archives such as {missing[0]}"
        logger.info(f"unpacking {some} ({size / 1e6:,.0f} MB compressed) once, to {_folder()}")
    for archive in missing:
        with one_at_a_time(copies[archive], logger.info):
            if not copies[archive].exists():
                _unpack(archive, archive.stat().st_size, copies[archive])
    return [copies.get(archive, archive) for archive in archives]


def remove_unpacked(archives: Sequence[Path]) -> None:
    """Remove the unpacked copies of archives."""
    for archive in archives:
        with suppress(OSError, FembError):
            if copy := _copy_of(archive):
                copy.unlink(missing_ok=True)
                copy.parent.rmdir()


def _copy_of(archive: Path) -> Path | None:
    """Return the path of an archive's unpacked copy; None if the archive is not compressed."""
    try:
        if not is_compressed(archive):
            return None
        status = archive.stat()
    except OSError as error:
        raise FembError(f"cannot read {archive}: {error.strerror}") from error
    key = f"{archive.resolve()} {status.st_size} {status.st_mtime_ns}"
    folder = _folder() / xxhash.xxh3_128_hexdigest(key.encode(errors="surrogateescape"))
    return folder / f"{_stem(archive.name)}.tar"


def _folder() -> Path:
    return cache_folder() / "tar"


def _remove_half_unpacked() -> None:
    """Remove what killed commands left of copies that they were making, also of other archives."""
    for aside in _folder().glob("*/.*.tmp"):
        with suppress(OSError):
            # A newer one may belong to a command that has not locked it yet.
            if time.time() - aside.stat().st_mtime > _SECONDS_UNTIL_LOCKED:
                remove_leftovers(aside.with_name(aside.name[1:].rsplit(".", 2)[0]))


def _unpack(archive: Path, size: int, copy: Path) -> None:
    try:
        _write_copy(archive, size, copy)
    except FembError as error:
        if isinstance(error.__cause__, OSError):
            error.hint = f"set FEMB_CACHE_DIR to a place with more space, or unpack {archive} yourself"
        raise


def _write_copy(archive: Path, size: int, copy: Path) -> None:
    most, done = _ALWAYS_ALLOWED_BYTES + _LARGEST_RATIO * size, 0
    with new_file(copy) as aside, aside.open("wb") as file:
        for piece in _pieces(archive):
            done += len(piece)
            if done > most:
                raise FembError(
                    f"{archive} has {size:,} bytes and unpacks to more than {most:,}",
                    hint="images do not shrink that much; if the archive is from a source that you trust, unpack it"
                    " yourself",
                )
            file.write(piece)


def _pieces(archive: Path) -> Iterator[bytes]:
    try:
        with _open(archive) as stream:
            while piece := stream.read(_PIECE):
                yield piece
    except _DAMAGE as error:
        raise FembError(
            f"cannot unpack {archive}: {error}", hint="it is damaged or cut short: download it again"
        ) from error


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        start = file.read(3)
    return next(opened for magic, opened in _OPEN.items() if start.startswith(magic))(path)


def _stem(name: str) -> str:
    for ending in (".tgz", ".gz", ".tbz2", ".tbz", ".bz2", ".tar"):
        name = name.removesuffix(ending)
    return name
