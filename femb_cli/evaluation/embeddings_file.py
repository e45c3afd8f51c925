"""Embeddings as `femb embed` writes them: a `.npy` array, and a `.txt` file with the name of each row.

Shape suffixes: N embeddings, D embedding dimension.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.files import new_file, refuse_existing


def names_path(embeddings: Path) -> Path:
    """Return the path of the file with the names of embeddings: `faces.txt` for `faces.npy`."""
    return embeddings.with_suffix(".txt")


def read_embeddings(path: Path, *, mmap_mode: Literal["r"] | None = None) -> tuple[NDArray[Any], list[str]]:
    """Read embeddings (N, D) and their N names.

    Args:
        path: the `.npy` file.
        mmap_mode: `r` returns a memory map, which reads the rows only when they are used.

    Raises:
        FembError: a file is missing or damaged, or the numbers of names and embeddings differ.
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
    """Read an array of numbers (N, D) without names; arguments as `read_embeddings`.

    Raises:
        FembError: the file is missing or damaged, or holds anything else.
    """
    try:
        rows_ND = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FembError(f"cannot read {path}: {error}") from error
    if not isinstance(rows_ND, np.ndarray) or rows_ND.dtype.kind not in "fiu" or rows_ND.ndim != 2:
        raise FembError(f"{path} does not hold one array of numbers (N, D)", hint="femb embed writes such files")
    return rows_ND


def refuse_existing_embeddings(path: Path, *, overwrite: bool) -> None:
    """Refuse to replace embeddings or their names, unless `overwrite` is true.

    Raises:
        FembError: one of the two files exists and `overwrite` is false.
    """
    refuse_existing(path, overwrite=overwrite)
    refuse_existing(names_path(path), overwrite=overwrite)


def write_rows(path: Path, rows_ND: NDArray[Any]) -> None:
    """Write an array, and replace a file that exists."""
    with new_file(path, overwrite=True) as aside, aside.open("wb") as file:
        np.save(file, rows_ND)


def write_names(embeddings: Path, names: Iterable[str]) -> None:
    """Write the names of embeddings, one a line, and replace a file that exists."""
    with new_file(names_path(embeddings), overwrite=True) as aside:
        aside.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
