"""Embed a few images, and kill the process at every file operation in turn; then read the output and resume.

    python killed_embeddings.py FOLDER ENDING new|replace

The last line is the number of operations. The process forks, because importing torch takes seconds.
"""

import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from kills import kill_at
from linear_embedder import linear_embedder
from pictures import encode

from femb_cli.data.files.folder import FolderSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.read import read_embeddings
from femb_cli.inference import embed_to_file as module
from femb_cli.inference.embed_to_file import embed_to_file

OPERATIONS = ("os.rename", "os.remove", "os.truncate", "open")
CALLS = ("write", "fsync", "posix_fallocate")


def kill_at_operation(number: int) -> None:
    """Kill this process before its n-th operation that changes a file."""
    count = kill_at(number)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in OPERATIONS and (event != "open" or writes(arguments)):
            count()

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*arguments: object) -> object:
            count()
            return call(*arguments)

        return wrapper

    sys.addaudithook(hook)
    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


def writes(arguments: tuple[object, ...]) -> bool:
    """Whether the audit event `open` is of a file that is opened for writing."""
    flags = arguments[2] if isinstance(arguments[2], int) else 0
    return isinstance(arguments[0], str | os.PathLike) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def in_child(function: Callable[[], object]) -> int:
    """Run a function in a forked process; return its exit code, negative if a signal has ended it."""
    if (child := os.fork()) == 0:
        try:
            function()
        except FembError as error:
            print(error.message, error.hint)
            sys.stdout.flush()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def embed(out: Path, source: FolderSource, seed: int, killed_at: int = 0, **options: bool) -> None:
    """Embed the images, and be killed at an operation if it is not 0."""
    embedder = linear_embedder(seed)
    if killed_at:
        kill_at_operation(killed_at)
    embed_to_file(embedder, source, out, skip_bad=True, **options)


def content(out: Path) -> tuple[bytes, list[str]] | None:
    """Return what a reader sees; None if it is refused."""
    try:
        read = read_embeddings(out)
    except FembError:
        return None
    return np.asarray(read.rows_ND).tobytes(), read.names


def make_images(folder: Path, first: str) -> FolderSource:
    """Make a few images, one of them unreadable, and the first of a given name."""
    folder.mkdir()
    for number, name in enumerate((first, "b", "c", "d", "e", "f")):
        data = encode(40 * number, (112, 112), "PNG") if name != "c" else b"not a picture"
        (folder / f"{name}.png").write_bytes(data)
    return FolderSource(folder)


def main(folder: Path, ending: str, *, replaces: bool) -> int:
    """Kill at every operation of an embedding that is new or replaces another; return the number of operations."""
    module.CHUNK = 4
    torch.set_num_threads(1)
    old_out, new_out = (folder / name / f"e{ending}" for name in ("old", "new"))
    embed(old_out, make_images(folder / "old images", "a"), seed=0)
    source = make_images(folder / "images", "first")
    embed(new_out, source, seed=1)
    old, new = content(old_out), content(new_out)
    assert old is not None and new is not None and old != new
    gc.freeze()  # so that a child copies fewer pages
    for killed_at in range(1, 200):
        out = folder / str(killed_at) / f"e{ending}"
        if replaces:
            shutil.copytree(folder / "old", out.parent)
        code = in_child(partial(embed, out, source, 1, killed_at=killed_at, overwrite=replaces))
        assert content(out) in (None, new, *((old,) if replaces else ())), f"a mixture after operation {killed_at}"
        if code == 0:
            return killed_at - 1
        assert code == -signal.SIGKILL, code
        # Before the first note, the permission to replace the old file has to be repeated.
        has_note = out.with_name(f"{out.name}.part.json").exists()
        healed = in_child(partial(embed, out, source, 1, resume=True, overwrite=replaces and not has_note))
        assert healed == 0, f"not resumed after a kill at operation {killed_at}"
        assert content(out) == new, f"another result after a kill at operation {killed_at}"
        left = {path.name for path in out.parent.iterdir()} - {out.name, "e.txt"}
        assert not left, f"a kill at operation {killed_at} left {left}"
    raise AssertionError("no end")


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2], replaces=sys.argv[3] == "replace"))
