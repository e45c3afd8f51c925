"""Read files of embeddings in any format.

Shape suffixes: N embeddings, D embedding dimension.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal
from zipfile import BadZipFile

from numpy.lib.format import MAGIC_PREFIX
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings import npy
from femb_cli.evaluation.embeddings.contents import Contents
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.evaluation.embeddings.formats import FORMATS, is_npy, names_path
from femb_cli.files import missing

_DAMAGED = (
    *(OSError, ValueError, TypeError, KeyError, EOFError, MemoryError, OverflowError, RuntimeError),
    *(SyntaxError, TokenError, BadZipFile, zlib.error),
)
"""What the formats' readers raise for a file that is missing or damaged."""


@dataclass(frozen=True, eq=False)
class StoredEmbeddings:
    """Embeddings from a file, each with its name.

    Attributes:
        path: the file.
        rows_ND: the embeddings, numbers.
        names: the name of each row.
        description: what the file says about its network; None if it says nothing.
    """

    path: Path
    rows_ND: NDArray[Any]
    names: list[str]
    description: Description | None


def read_embeddings(path: Path, *, mmap_mode: Literal["r"] | None = None) -> StoredEmbeddings:
    """Read embeddings and their names.

    Args:
        path: a file of one of `FORMATS`; one of another ending is read as `.npy`.
        mmap_mode: `r` returns a memory map of a `.npy` file, which reads the rows only when they are used.

    Raises:
        FembError: a file is missing or damaged, or names and embeddings do not belong together.
    """
    contents = read_contents(path, mmap_mode=mmap_mode)
    if contents.names is None:
        place = names_path(path) if is_npy(path) else f"its {FORMATS[path.suffix.lower()].place_of_names}"
        raise FembError(
            f"{path} has no names: {place} is missing", hint="femb embed writes embeddings with their names"
        )
    return StoredEmbeddings(path, contents.rows_ND, contents.names, contents.description)


def read_rows(path: Path, *, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
    """Read embeddings (N, D) that need no names; arguments and errors as `read_embeddings`."""
    return read_contents(path, mmap_mode=mmap_mode).rows_ND


def read_contents(path: Path, *, mmap_mode: Literal["r"] | None = None) -> Contents:
    """Read embeddings that may have no names; arguments and errors as `read_embeddings`."""
    with _read_errors(path):
        as_map = mmap_mode is not None
        contents = npy.read(path, as_map=as_map) if is_npy(path) else FORMATS[path.suffix.lower()].read(path)
    if contents.rows_ND.dtype.kind not in "fiu" or contents.rows_ND.ndim != 2:
        raise FembError(f"{path} does not hold one array of numbers (N, D)", hint="femb embed writes such files")
    if contents.names is not None and len(contents.names) != len(contents.rows_ND):
        raise FembError(
            f"{path} holds {contents.rows_ND.shape} numbers but {names_path(path)} has {len(contents.names)} names"
        )
    return contents


def read_description(path: Path) -> Description | None:
    """Read what a file says about its network, also if its names are missing; None if it says nothing.

    Raises:
        FembError: the file is missing or damaged.
    """
    with _read_errors(path):
        return npy.read_description(path) if is_npy(path) else FORMATS[path.suffix.lower()].read(path).description


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """Turn what a format's reader raises into a FembError."""
    try:
        yield
    except _DAMAGED as error:
        if isinstance(error, FileNotFoundError) and not path.exists():
            raise missing(path) from error
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or repr(error)
        raise FembError(f"cannot read {path}: {' '.join(reason.split())[:500]}", hint=_hint(path)) from error


def _hint(path: Path) -> str | None:
    """Return what to do with a path that cannot be read as embeddings."""
    if path.is_dir():
        return f"embed it first: femb embed {path} -o FILE"
    try:
        with path.open("rb") as file:
            is_array = file.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX
    except OSError:
        return None
    if not is_array:
        return "give a file that femb embed wrote, or an array of NumPy"
    if is_npy(path):
        return None
    return "it is a .npy file, as older versions of femb wrote under every name: rename it to .npy"
