"""`.csv`: a header `name,0,1,...` and a line for each embedding; further columns follow. No place for a description.

Shape suffixes: N embeddings, D embedding dimension.
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.embeddings.contents import Columns, Contents
from femb_cli.evaluation.embeddings.description import Description

_ROWS_AT_ONCE = 1 << 12
_LONGEST_BEGINNING = 256


def read(path: Path) -> Contents:
    """Read embeddings; raise OSError, ValueError, ... if the file is missing or damaged."""
    from pyarrow import csv as arrow_csv
    from pyarrow import float32, string

    columns = _columns(path)
    table = arrow_csv.read_csv(
        path,
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types={"name": string(), **dict.fromkeys(columns[1:], float32())},
            include_columns=columns,
            null_values=[],
            strings_can_be_null=False,
        ),
    )
    rows_ND = np.empty((len(table), len(columns) - 1), dtype=np.float32)
    for place, name in enumerate(columns[1:]):
        rows_ND[:, place] = table[name].to_numpy()
    return Contents(rows_ND, table["name"].to_pylist())


def has_embeddings(path: Path) -> bool:
    """Whether the first line of a file is that of embeddings, and not of a list of images."""
    with path.open("rb") as file:
        return file.readline(_LONGEST_BEGINNING).removeprefix(b"\xef\xbb\xbf").startswith(b"name,0")


def write(
    path: Path, rows_ND: NDArray[np.float32], names: Sequence[str], description: Description, further: Columns
) -> None:
    """Write embeddings with their names, every number so that it is read as the same float32; no description."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    columns = ["name", *map(str, range(rows_ND.shape[1])), *further]
    with path.open("wb") as file:
        file.write((",".join(columns) + "\n").encode())
        for start in range(0, len(rows_ND), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            numbers = [pa.array(np.ascontiguousarray(column)) for column in rows_ND[rows].T]
            others = [pa.array(column[rows]) for column in further.values()]
            table = pa.table([pa.array(names[rows], pa.string()), *numbers, *others], names=columns)
            arrow_csv.write_csv(table, file, arrow_csv.WriteOptions(include_header=False))


def _columns(path: Path) -> list[str]:
    """Return the names of the columns of names and embeddings.

    Raises:
        ValueError: the file has another header, or its last line has no end.
    """
    with path.open("rb") as file:
        file.seek(-min(1, path.stat().st_size), os.SEEK_END)
        if file.read() != b"\n":
            raise ValueError("it is cut short: its last line has no end")
    with path.open(encoding="utf-8-sig", newline="") as file:
        columns = next(csv.reader([file.readline()]), [])
    numbered = ["name", *(column for column in columns if column.isdecimal())]
    if len(numbered) < 2 or columns[: len(numbered)] != ["name", *map(str, range(len(numbered) - 1))]:
        raise ValueError("its first line is not name,0,1,...")
    return numbered
