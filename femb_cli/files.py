"""Write files and directories completely or not at all, also if the process is killed or the power fails.

A result is written under a temporary name beside its own, brought to the disk with fsync, and then renamed. So its name
always leads to the old result or to the new one. The temporary file is locked while its writer lives: what a killed
writer left behind is known by its missing lock, and the next writer of the same name removes it.
"""

import ctypes
import errno
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path

from filelock import lock_descriptor

from femb_cli.errors import FembError, UsageError

_UMASK = os.umask(0)
os.umask(_UMASK)

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
"""Arguments of Linux's renameat2."""

_MOST_SYNCED_ALONE = 1000
"""More new files are brought to the disk all at once: one after the other takes milliseconds each."""

_ADDRESS = re.compile(r"(https?|ftp|s3|gs):/+(.*)")
"""An address; a Path has one slash of its two."""

_HINTS = {
    errno.ENOSPC: "free some space on this disk, or choose another place",
    errno.EDQUOT: "your quota on this disk is used up: free some space, or choose another place",
    errno.EROFS: "this file system cannot be written to: choose another place",
    errno.EACCES: "you may not write there: choose another place, or change the permissions",
    errno.EPERM: "you may not write there: choose another place, or change the permissions",
    errno.EIO: "the disk or the network drive fails: choose another place",
    errno.ENOENT: "the directory has vanished while femb was writing: was it moved or deleted?",
}


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise an error if `path` exists, unless `overwrite` is true.

    Raises:
        FembError: `path` exists and `overwrite` is false.
    """
    if os.path.lexists(path) and not overwrite:
        raise FembError(f"{path} exists already", hint="choose another name, or pass --overwrite to replace it")


def check_output_file(
    path: Path, *, overwrite: bool, endings: Sequence[str] = (".csv", ".json"), what: str = "a table"
) -> None:
    """Refuse a file that cannot be written, before anything is computed.

    Args:
        path: the file.
        overwrite: whether it may exist.
        endings: of the file's name.
        what: what it is to hold, for the error.

    Raises:
        UsageError: its name has another ending.
        FembError: it exists and `overwrite` is false.
    """
    if path.suffix.lower() not in endings:
        raise UsageError(f"cannot write {what} to {path}: its name must end in {' or '.join(endings)}")
    refuse_existing(path, overwrite=overwrite)


def exists(path: Path) -> bool:
    """Whether a path leads to a file or a directory.

    Raises:
        FembError: the system refuses to say: no permission for a directory on the way, or a name that is too long.
    """
    try:
        return path.exists()
    except OSError as error:
        raise FembError(f"cannot open {path}: {error.strerror}") from error


def missing(path: Path | str, *, hint: str | None = None) -> FembError:
    """Return the error for an input that is not there: an address is none, and a name like its own is proposed.

    Args:
        path: what was given.
        hint: what to do if no file beside it has a similar name.
    """
    address = _ADDRESS.match(str(path))
    if address:
        return FembError(
            f"{address[1]}://{address[2]} is an address: femb reads files", hint="download it, and give its path"
        )
    path = Path(path)
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        beside = []
    nearest = get_close_matches(path.name, beside, n=1)
    hint = f"did you mean {path.parent / nearest[0]}?" if nearest and path.name not in beside else hint
    if os.path.islink(path):  # noqa: PTH114 - Path.is_symlink() raises an OSError for a very long name
        return FembError(f"{path} is a link to {path.readlink()}, which does not exist", hint=hint)
    name = repr(str(path)) if " " in str(path) else path
    return FembError(f"{name} does not exist", hint=hint)


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is renamed to `path`, on any error it is removed.

    Raises:
        FembError: `path` exists and `overwrite` is false, or it cannot be written; an existing file is unchanged then.
    """
    refuse_existing(path, overwrite=overwrite)
    make_parent(path)
    with write_errors(path):
        remove_leftovers(path)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        aside = Path(name)
        try:
            is_only_writer(descriptor)
            yield aside
            aside.chmod(0o666 & ~_UMASK)  # safetensors replaces the file by one that others cannot read
            sync(aside)
            aside.replace(path)
            sync(path.parent)
        finally:
            os.close(descriptor)
            aside.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False, keep_locked: list[int] | None = None) -> Iterator[Path]:
    """Yield a temporary directory beside `path`; on success it is renamed to `path`, on any error it is removed.

    Args:
        path: the directory to make.
        overwrite: replace an existing one.
        keep_locked: gets the descriptor that locks the directory, so that the caller can keep it locked and close it;
            None: it is locked only while it is written.

    Raises:
        FembError: as `new_file`.
    """
    refuse_existing(path, overwrite=overwrite)
    make_parent(path)
    with write_errors(path):
        remove_leftovers(path)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
        descriptor = os.open(aside, os.O_RDONLY)
        try:
            is_only_writer(descriptor)
            aside.chmod(0o777 & ~_UMASK)
            yield aside
            publish(aside, path)
        finally:
            if keep_locked is None:
                os.close(descriptor)
            else:
                keep_locked.append(descriptor)
            shutil.rmtree(aside, ignore_errors=True)


def publish(aside: Path, path: Path) -> None:
    """Bring a finished directory to the disk and rename it to `path`; a directory that was there is removed."""
    sync_tree(aside)
    if not os.path.lexists(path):
        aside.replace(path)
    elif _exchange(aside, path):
        remove(aside)
    else:
        _replace_in_two_steps(aside, path)
    sync(path.parent)


def exchange_folders(one: Path, other: Path) -> None:
    """Exchange the names of two directories that are beside each other, in one step where the system can.

    Elsewhere a kill half-way leaves what was `other` under the name `one`, and what was `one` under a third name.
    """
    if not _exchange(one, other):
        third = one.with_name(f"{one.name}.exchanged")
        one.replace(third)
        other.replace(one)
        third.replace(other)
    sync(one.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, and replace a file that exists.

    Raises:
        FembError: it cannot be written.
    """
    with new_file(path, overwrite=True) as aside:
        aside.write_text(text, encoding="utf-8")


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the `with` block into a FembError that names `path`, the output that is being written."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> FembError:
    """Return the error for an output that cannot be written, with a hint for the user."""
    is_there = error.errno == errno.ENOENT and path.parent.is_dir()  # some systems of the kernel, as /proc, say so
    hint = None if is_there else _HINTS.get(error.errno or 0)
    return FembError(f"cannot write {path}: {error.strerror or error}", hint=hint)


def lock(descriptor: int, path: Path) -> None:
    """Make this process the only writer of `path`, until it closes the descriptor or ends.

    Args:
        descriptor: of an open file or directory that every writer of `path` opens.
        path: the output, for the error message.

    Raises:
        FembError: another process is writing `path`.
    """
    if not is_only_writer(descriptor):
        raise FembError(f"another process is writing {path}", hint="wait for it, or choose another name")


def is_only_writer(descriptor: int) -> bool:
    """Lock an open file or directory, and return whether nobody else has locked it.

    Some network drives have no locks; there every writer counts as the only one.
    """
    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError:
        return True


def leads_to(path: Path, descriptor: int) -> bool:
    """Whether a path leads to an open file: another process may have renamed or removed it before it was locked."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def one_at_a_time(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time make `path`, an entry of a cache; the others wait, and then find it there.

    Args:
        path: the entry.
        say: called with a line of text if another process is making it.

    Raises:
        FembError: its directory cannot be written to.
    """
    make_parent(path)
    lock_file = path.with_name(f".{path.name}.lock")
    with write_errors(path):
        descriptor = _open_locked(lock_file, lambda: say(f"waiting for another process that makes {path}"))
    try:
        yield
    finally:
        with suppress(OSError):
            lock_file.unlink()
        os.close(descriptor)


def _open_locked(lock_file: Path, before_waiting: Callable[[], None]) -> int:
    """Open a lock file and wait until no other process has it locked."""
    while True:
        descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if not is_only_writer(descriptor):
                before_waiting()
                with suppress(OSError):
                    lock_descriptor(descriptor, blocking=True)
            if leads_to(lock_file, descriptor):  # else the other process has removed it
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def remove_leftovers(path: Path) -> None:
    """Remove what killed writers of `path` left beside it, and undo a replacement that was killed half-way."""
    for leftover in _entries_beside(path, ".tmp"):
        with suppress(OSError):
            descriptor = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if is_only_writer(descriptor):
                    remove(leftover)
            finally:
                os.close(descriptor)
    for old in _entries_beside(path, ".old"):
        if os.path.lexists(path):
            remove(old)
        else:
            old.replace(path)


def sync(path: Path) -> None:
    """Wait until a file, or the list of names in a directory, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network drives cannot sync directories
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Give all files in a directory the permissions of any new file, and wait until they are on the disk."""
    files = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    together = len(files) > _MOST_SYNCED_ALONE and sys.platform == "linux"  # where sync() waits
    for file in files:
        if not file.is_symlink():
            file.chmod(0o666 & ~_UMASK)
            if not together:
                sync(file)
    if together:
        os.sync()
    for parent, _, _ in os.walk(folder):
        sync(Path(parent))


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
    """Remove a file, a link or a whole directory, if it exists; what a link points to stays."""
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
        parent = next((parent for parent in path.parents if parent.exists() and not parent.is_dir()), None)
        problem = f"{parent} is a file" if parent else error.strerror
        raise FembError(
            f"cannot make the directory {path.parent}: {problem}", hint=_HINTS.get(error.errno or 0)
        ) from error


def _entries_beside(path: Path, suffix: str) -> list[Path]:
    """Return the temporary files and directories of `path`: `.NAME.*` with the suffix."""
    start = f".{path.name}."
    try:
        return [entry for entry in path.parent.iterdir() if entry.name.startswith(start) and entry.suffix == suffix]
    except OSError:
        return []


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; return False where the system or the file system cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def _replace_in_two_steps(aside: Path, path: Path) -> None:
    """Replace `path`; after a kill between the two renames, `remove_leftovers` puts the old directory back."""
    old = aside.with_name(f"{aside.name.removesuffix('.tmp')}.old")
    path.replace(old)
    try:
        aside.replace(path)
    except OSError:
        old.replace(path)
        raise
    remove(old)
