"""Embeddings as `femb embed` stores them: an array, and the images' names in a text file beside it."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError


def names_path(embeddings: Path) -> Path:
    """The file with the images' names that belongs to a file of embeddings."""
    return embeddings.with_suffix(".txt")


def read_embeddings(path: Path, *, mmap_mode: Literal["r"] | None = None) -> tuple[NDArray[Any], list[str]]:
    """Read embeddings (N, D) and their N names.

    Args:
        path: the `.npy` file.
        mmap_mode: `r` leaves the numbers on the disk until they are looked at.

    Raises:
        FembError: a file is missing or damaged, or the two do not belong together.
    """
    rows_ND = read_rows(path, mmap_mode=mmap_mode)
    try:
        names = names_path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FembError(f"cannot read {names_path(path)}, the names of {path}: {error}") from error
    if len(rows_ND) != len(names):
        raise FembError(f"{path} holds {rows_ND.shape} numbers but {names_path(path)} has {len(names)} names")
    return rows_ND, names


def read_rows(path: Path, *, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
    """Read an array of numbers (N, D) without names.

    Raises:
        FembError: the file is missing or damaged, or holds anything else.
    """
    try:
        rows_ND = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FembError(f"cannot read {path}: {error}") from error
    if not isinstance(rows_ND, np.ndarray) or rows_ND.dtype.kind not in "fiu" or rows_ND.ndim != 2:
        raise FembError(f"{path} does not hold one array of numbers (N, D)", hint="femb embed writes one")
    return rows_ND
