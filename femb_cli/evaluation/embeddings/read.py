"""Read files of embeddings in any format.

Shape suffixes: N embeddings, D embedding dimension.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings import npy
from femb_cli.evaluation.embeddings.contents import Contents
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.evaluation.embeddings.formats import FORMATS, is_npy, names_path

_DAMAGED = (
    *(OSError, ValueError, TypeError, KeyError, EOFError, MemoryError, OverflowError, RuntimeError),
    *(BadZipFile, zlib.error),
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
        missing = f"{names_path(path)} is missing" if is_npy(path) else "it holds no names"
        raise FembError(f"{path} has no names: {missing}", hint="femb embed writes embeddings with their names")
    return StoredEmbeddings(path, contents.rows_ND, contents.names, contents.description)


def read_rows(path: Path, *, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
    """Read embeddings (N, D) that need no names; arguments and errors as `read_embeddings`."""
    return read_contents(path, mmap_mode=mmap_mode).rows_ND


def read_contents(path: Path, *, mmap_mode: Literal["r"] | None = None) -> Contents:
    """Read embeddings that may have no names; arguments and errors as `read_embeddings`."""
    try:
        contents = (
            npy.read(path, as_map=mmap_mode is not None) if is_npy(path) else FORMATS[path.suffix.lower()].read(path)
        )
    except _DAMAGED as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or repr(error)
        raise FembError(f"cannot read {path}: {' '.join(reason.split())[:500]}") from error
    if contents.rows_ND.dtype.kind not in "fiu" or contents.rows_ND.ndim != 2:
        raise FembError(f"{path} does not hold one array of numbers (N, D)", hint="femb embed writes such files")
    if contents.names is not None and len(contents.names) != len(contents.rows_ND):
        raise FembError(
            f"{path} holds {contents.rows_ND.shape} numbers but {names_path(path)} has {len(contents.names)} names"
        )
    return contents
