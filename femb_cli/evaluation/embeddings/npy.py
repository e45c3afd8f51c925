r"""`.npy`: one array, and the names in a `.txt` file beside it.

Behind its embeddings the file holds a second array: the description, JSON as bytes (uint8). `np.load(path)` reads the
first array and ignores the rest.

Shape suffixes: N embeddings, D embedding dimension.
"""

import io
import math
from pathlib import Path

import numpy as np

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.contents import Contents
from femb_cli.evaluation.embeddings.description import OPENING, Description, description_in
from femb_cli.evaluation.embeddings.names import names_digest, names_from_text

_LONGEST_DESCRIPTION = 1 << 20
_LONGEST_BEGINNING = 256
"""Bytes. The header of a description and the opening of its text need fewer."""
_READ_HEADER = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def names_beside(path: Path) -> Path:
    """Return the path of the file with the names: `faces.txt` for `faces.npy`."""
    return path.with_suffix(".txt")


def read(path: Path, *, as_map: bool = False) -> Contents:
    """Read embeddings with the names beside them, if there are any.

    Args:
        path: the file.
        as_map: return a memory map, which reads the rows only when they are used.

    Raises:
        FembError: the names do not belong to the embeddings.
        OSError, ValueError, ...: the file is missing or damaged.
    """
    rows_ND = _map(path)
    description = _read_description(path, rows_ND.offset + rows_ND.nbytes)
    names = _read_names(path, description)
    return Contents(rows_ND if as_map else np.load(path, allow_pickle=False), names, description)


def description_to_bytes(description: Description) -> bytes:
    """Return the bytes that follow the embeddings in their file."""
    buffer = io.BytesIO()
    np.save(buffer, np.frombuffer(description.to_text().encode(), dtype=np.uint8))
    return buffer.getvalue()


def read_description(path: Path) -> Description | None:
    """Read only the description of a file; None if it has none. Raises as `read`."""
    rows_ND = _map(path)
    return _read_description(path, rows_ND.offset + rows_ND.nbytes)


def _map(path: Path) -> np.memmap:
    """Map the embeddings. This compares the size that the header claims with the file's, before memory is taken."""
    with path.open("rb") as file:
        if file.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
            raise ValueError("it does not begin as a .npy file does")
        file.seek(0)
        version = np.lib.format.read_magic(file)
        if (read_header := _READ_HEADER.get(version)) is not None:
            shape, _, dtype = read_header(file)
            size = file.tell() + math.prod(shape) * dtype.itemsize  # NumPy's own product may overflow
            if not dtype.hasobject and size > path.stat().st_size:
                raise ValueError(f"it is cut short: its header says {shape}")
    return np.lib.format.open_memmap(path, mode="r")


def _read_description(path: Path, end_of_rows: int) -> Description | None:
    with path.open("rb") as file:
        file.seek(end_of_rows)
        rest = file.read(_LONGEST_DESCRIPTION)
    try:
        text_T = np.lib.format.read_array(io.BytesIO(rest), allow_pickle=False)
    except ValueError as error:
        is_short = len(rest) < _LONGEST_BEGINNING and rest[:6] and np.lib.format.MAGIC_PREFIX.startswith(rest[:6])
        if is_short or OPENING.encode() in rest[:_LONGEST_BEGINNING]:
            raise ValueError("it is cut short: its description is not complete") from error
        return None
    return description_in(text_T.tobytes()) if text_T.dtype == np.uint8 else None


def _read_names(path: Path, description: Description | None) -> list[str] | None:
    try:
        text = names_beside(path).read_bytes()
        if description is not None and description.names != names_digest([text]):
            raise FembError(
                f"{names_beside(path)} does not belong to {path}: it was changed, or comes from another call",
                hint=f"embed the images again; or, if the names are right, let np.save write the rows of {path} anew,"
                " which removes the mark of its names",
            )
        return names_from_text(text, as_written=description is not None)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FembError(f"cannot read {names_beside(path)}, the names of {path}: {error}") from error
