"""The cells of a table, read as columns.

A long table without quotes is read by Arrow, which takes a tenth of the time. Every other one is read line by line,
and so is a table that Arrow refuses, to find the damaged line.

Shape suffix: N rows.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.growing_array import GrowingArray
from femb_cli.evaluation.text_column import TextColumn, TextTable
from femb_cli.evaluation.verification.pair_formats.layout import WHITE_SPACE, TableLayout
from femb_cli.evaluation.verification.pair_formats.line import damaged
from femb_cli.evaluation.verification.pair_formats.text_file import TextFile

_BLOCK_ROWS = 1 << 14
_LONG = 50_000
"""Lines. Below this the import of Arrow's reader takes longer than the lines."""

_Block = tuple[NDArray[np.int32], list[TextColumn]]
"""The line number of each row, and the columns."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The columns of a table.

    Attributes:
        lines_N: int32, number of each row's line, counted from 1.
        columns: the columns by their places, without white space around the cells; without those that were dropped.
    """

    lines_N: NDArray[np.int32]
    columns: dict[int, TextColumn]

    def __len__(self) -> int:
        return len(self.lines_N)


def read_cells(
    file: TextFile, layout: TableLayout, couples: Iterable[tuple[int, int]], *, most_values: int, is_long: bool = False
) -> Cells:
    """Read the cells of a table.

    Args:
        file: the file.
        layout: its columns.
        couples: places of columns that share their values.
        most_values: columns without a role that have more different cells are dropped, so that notes take no memory.
        is_long: read it as if it was long.

    Raises:
        FembError: a line has another number of cells, or is not CSV.
    """
    if file.is_plain and layout.delimiter != WHITE_SPACE and (is_long or file.num_lines > _LONG):
        try:
            return _join(_blocks_by_arrow(file, layout), layout, couples, most_values)
        except _NotPlainError:
            pass
    return _join(_blocks_of_rows(_rows(file, layout)), layout, couples, most_values)


def _join(blocks: Iterable[_Block], layout: TableLayout, couples: Iterable[tuple[int, int]], most_values: int) -> Cells:
    tables = {place: TextTable() for place in range(len(layout.columns))}
    tables |= {right: tables[left] for left, right in couples}
    lines = GrowingArray(np.int32)
    few = np.min_scalar_type(most_values)
    codes = {place: GrowingArray(np.int32 if place in layout.roles.values() else few) for place in tables}
    for lines_N, columns in blocks:
        lines.extend(lines_N)
        for place in list(codes):
            column = columns[place]
            codes_N = tables[place].codes(map(str.strip, column.values))[column.codes_N]
            if place not in layout.roles.values() and len(tables[place]) > most_values:
                del codes[place]
            else:
                codes[place].extend(codes_N)
    values = {id(table): tuple(table) for table in tables.values()}
    joined = {place: TextColumn(values[id(tables[place])], grown.array()) for place, grown in codes.items()}
    return Cells(lines.array(), joined)


class _NotPlainError(Exception):
    """The lines must be read one by one: some may be damaged."""


def _blocks_by_arrow(file: TextFile, layout: TableLayout) -> Iterator[_Block]:
    """Read a table without quotes; raise `_NotPlainError` if the lines may mean something else to `_rows`."""
    import pyarrow as pa

    from femb_cli.evaluation.verification.pair_formats.arrow import TEXT, read_columns

    types = dict.fromkeys(range(len(layout.columns)), TEXT)
    start = 1 + layout.header_lines
    try:
        for arrays in read_columns(file.contents(), layout, types, quote_char=False, ignore_empty_lines=False):
            columns = [
                TextColumn(
                    tuple(array.dictionary.to_pylist()), np.from_dlpack(array.indices).astype(np.int32, copy=False)
                )
                for array in arrays.values()
            ]
            if max(len(cell) for column in columns for cell in column.values) > csv.field_size_limit():
                raise _NotPlainError
            num_rows = len(columns[0])
            yield np.arange(start, start + num_rows, dtype=np.int32), columns
            start += num_rows
    except pa.ArrowException as error:
        raise _NotPlainError from error


def _blocks_of_rows(rows: Iterator[tuple[int, list[str]]]) -> Iterator[_Block]:
    while block := list(islice(rows, _BLOCK_ROWS)):
        lines, cells = zip(*block, strict=True)
        yield np.array(lines, dtype=np.int32), [TextColumn.of(column) for column in zip(*cells, strict=True)]


def _rows(file: TextFile, layout: TableLayout) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number of each row, and its cells."""
    path, before = file.path, layout.header_lines
    table = islice(file, before, None)
    if layout.delimiter == WHITE_SPACE:
        for number, line in enumerate(table, 1 + before):
            yield number, _checked(path, number, line.split(), layout.columns)
        return
    reader = csv.reader(table, delimiter=layout.delimiter, strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            number = reader.line_num + before
            yield number, _checked(path, number, cells, layout.columns)
    except csv.Error as error:
        raise damaged(path, before + reader.line_num, f"not CSV: {error}") from error


def _checked(path: Path, number: int, cells: list[str], columns: Sequence[str]) -> list[str]:
    """Refuse a row with another number of cells than there are columns."""
    if len(cells) != len(columns):
        raise damaged(path, number, f"expected {len(columns)} columns, found {len(cells)}")
    return cells
