"""The formats of embeddings, by the ending of the file's name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import UsageError
from femb_cli.evaluation.embeddings import csv, npy, npz, parquet, safetensors
from femb_cli.evaluation.embeddings.contents import Columns, Contents
from femb_cli.evaluation.embeddings.description import Description

NPY = ".npy"

_Write = Callable[[Path, NDArray[np.float32], Sequence[str], Description, Columns], None]


@dataclass(frozen=True)
class Format:
    """How to read and write a format.

    Attributes:
        read: return a file's contents; raises OSError, ValueError, ... if it is missing or damaged.
        write: write rows, their names, their description and further columns, which `.safetensors` leaves out; None for
            `.npy`, which grows while images are embedded.
        place_of_names: where the file holds the names, for messages; empty for `.npy`.
        holds_description: whether the format has a place for a description.
    """

    read: Callable[[Path], Contents]
    write: _Write | None
    place_of_names: str = ""
    holds_description: bool = True


FORMATS: Mapping[str, Format] = {
    NPY: Format(npy.read, None),
    ".npz": Format(npz.read, npz.write, "array 'names'"),
    ".parquet": Format(parquet.read, parquet.write, "column 'name'"),
    ".safetensors": Format(safetensors.read, safetensors.write, "tensor 'names'"),
    ".csv": Format(csv.read, csv.write, "column 'name'", holds_description=False),
}


def format_to_write(path: Path) -> Format:
    """Return the format that the ending of a path names.

    Raises:
        UsageError: the ending names none.
    """
    if (chosen := FORMATS.get(path.suffix.lower())) is None:
        ending = f"{path.suffix!r} is not the ending of a format" if path.suffix else "its name has no ending"
        raise UsageError(
            f"cannot write embeddings to {path}: {ending}",
            hint=f"choose one of {', '.join(FORMATS)}",
        )
    return chosen


def is_npy(path: Path) -> bool:
    """Whether a path is read as a `.npy` file; so is every path of an unknown ending."""
    return path.suffix.lower() == NPY or path.suffix.lower() not in FORMATS


def names_path(path: Path) -> Path:
    """Return the file that holds the names of embeddings: a `.txt` file beside a `.npy` file, else the file itself."""
    return npy.names_beside(path) if is_npy(path) else path
