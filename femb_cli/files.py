"""Write files and directories completely or not at all: under a temporary name first, then renamed."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from femb_cli.errors import FembError


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise an error if `path` exists, unless `overwrite` is true.

    Raises:
        FembError: `path` exists and `overwrite` is false.
    """
    if path.exists() and not overwrite:
        raise FembError(f"{path} exists already", hint="choose another name, or pass --overwrite to replace it")


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is renamed to `path`, on any error it is removed."""
    refuse_existing(path, overwrite=overwrite)
    make_parent(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary directory beside `path`; on success it is renamed to `path`, on any error it is removed."""
    refuse_existing(path, overwrite=overwrite)
    make_parent(path)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    aside.chmod(0o755)
    try:
        yield aside
        publish(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def publish(aside: Path, path: Path) -> None:
    """Rename a finished directory to `path`. An existing `path` is renamed first, so a kill loses no data."""
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    if path.exists():
        path.replace(old)
    try:
        aside.replace(path)
    except OSError:
        if old.exists():
            old.replace(path)
        raise
    remove(old)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """Return the directory for downloads and synthetic data: FEMB_CACHE_DIR, or `femb` in the user's cache."""
    if chosen := os.environ.get("FEMB_CACHE_DIR"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "femb"


def remove(path: Path) -> None:
    """Remove a file or a whole directory, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def make_parent(path: Path) -> None:
    """Make the directory that `path` will be in.

    Raises:
        FembError: It cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FembError(f"cannot make the directory {path.parent}: {error.strerror}") from error
