"""Pair files that are tables: CSV with a header row, and the lists `ref;probe` of face-embeddings.

The header row shows whether commas, semicolons or tabs separate the columns:

- `ref`, `probe`: image paths;
- `mated`: 1 or true for a genuine pair; optional if `ref_subject` and `probe_subject` are given;
- `fold`: counted from 0; optional;
- `ref_subject`, `probe_subject`: who the images show; optional;
- every other column sorts the pairs into groups.

Without a header row the columns are `ref;probe` or `ref;probe;mated`. A pair without a flag is genuine if both images
are in the same folder.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from femb_cli.evaluation.verification.pair_formats.line import NUMBER, PairLine, damaged, inner_parts, shorten

_FLAGS = {"1": True, "true": True, "0": False, "false": False}
_SUBJECTS = ("ref_subject", "probe_subject")
_OWN_COLUMNS = {"ref", "probe", "mated", "fold", *_SUBJECTS}
_UNSTATED = "not stated"
_MOST_GROUPS = 30


@dataclass(frozen=True)
class TableLayout:
    """The columns of a table of pairs.

    Attributes:
        delimiter: the character between two cells.
        columns: the name of each column, in lower case.
        header_lines: 1 with a header row, 0 without.
    """

    delimiter: str
    columns: tuple[str, ...]
    header_lines: int


def table_layout(first_line: str) -> TableLayout | None:
    """Recognise a table of pairs by its first line; return None for any other file."""
    for delimiter in ",;\t":
        columns = tuple(cell.strip(' "').lower() for cell in first_line.split(delimiter))
        if {"ref", "probe"} <= set(columns):
            return TableLayout(delimiter, columns, header_lines=1)
    num_cells = first_line.count(";") + 1
    return TableLayout(";", ("ref", "probe", "mated")[:num_cells], header_lines=0) if num_cells in (2, 3) else None


def read_table(
    path: Path, lines: Sequence[str], layout: TableLayout
) -> tuple[list[PairLine], dict[str, tuple[str, ...]]]:
    """Read the pairs of a table.

    Args:
        path: the file, for errors.
        lines: all of its lines, without line ends.
        layout: its columns.

    Returns:
        The pairs, and for each grouping by name the group of each pair.

    Raises:
        FembError: if a line is damaged, or no column says which pairs are genuine.
    """
    _check_columns(path, layout)
    if len(lines) == layout.header_lines:
        raise damaged(path, 1, "no pairs below the header row")
    other_columns: dict[str, list[str]] = {column: [] for column in layout.columns if column not in _OWN_COLUMNS}
    places = {column: layout.columns.index(column) for column in other_columns}
    pairs = []
    for number, cells in _rows(path, lines, layout):
        pairs.append(_read_pair(path, number, cells, layout))
        for column, values in other_columns.items():
            values.append(cells[places[column]] or _UNSTATED)
    return pairs, _groups(other_columns)


def _check_columns(path: Path, layout: TableLayout) -> None:
    stated = [column for column in _SUBJECTS if column in layout.columns]
    if len(stated) == 1:
        raise damaged(path, 1, f"column `{stated[0]}` without its counterpart")
    if layout.header_lines and not stated and "mated" not in layout.columns:
        raise damaged(path, 1, "no column `mated` (1 for a genuine pair, 0 for an impostor pair)")


def _rows(path: Path, lines: Sequence[str], layout: TableLayout) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number of each row, and its cells."""
    reader = csv.reader(lines[layout.header_lines :], delimiter=layout.delimiter, strict=True)
    try:
        for cells in reader:
            number = reader.line_num + layout.header_lines
            if len(cells) != len(layout.columns):
                raise damaged(path, number, f"expected {len(layout.columns)} columns, found {len(cells)}")
            yield number, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise damaged(path, reader.line_num + layout.header_lines, f"not CSV: {error}") from error


def _read_pair(path: Path, number: int, cells: Sequence[str], layout: TableLayout) -> PairLine:
    """Read one row."""
    stated = {column: cell for column, cell in zip(layout.columns, cells, strict=True) if column in _OWN_COLUMNS}
    left, right = (_image_name(path, number, stated[column]) for column in ("ref", "probe"))
    subjects = _subjects(path, number, stated)
    if "mated" in stated:
        genuine = _flag(path, number, stated["mated"])
        if subjects is not None and genuine != (subjects[0] == subjects[1]):
            raise damaged(path, number, f"`mated` is {stated['mated']}, but the subjects are {' and '.join(subjects)}")
    elif subjects is not None:
        genuine = subjects[0] == subjects[1]
    else:
        genuine = _folder(path, number, left) == _folder(path, number, right)
    fold = _fold(path, number, stated["fold"]) if "fold" in stated else None
    return PairLine(left, right, genuine=genuine, line=number, fold=fold, subjects=subjects)


def _subjects(path: Path, number: int, stated: Mapping[str, str]) -> tuple[str, str] | None:
    if _SUBJECTS[0] not in stated:
        return None
    left, right = (stated[column] for column in _SUBJECTS)
    if not left or not right:
        raise damaged(path, number, "a subject is not stated")
    return left, right


def _image_name(path: Path, line: int, name: str) -> str:
    """An image path with forward slashes."""
    parts = inner_parts(name)
    if not parts:
        raise damaged(path, line, f"{shorten(name)} is not a path inside the images' folder")
    return "/".join(parts)


def _folder(path: Path, line: int, name: str) -> str:
    """The folder of an image, which is taken as the person."""
    folder, slash, _ = name.rpartition("/")
    if not slash:
        raise damaged(
            path, line, f"no third column says whether the pair is genuine, and {shorten(name)} has no folder"
        )
    return folder


def _flag(path: Path, line: int, mated: str) -> bool:
    if mated.lower() not in _FLAGS:
        raise damaged(path, line, f"`mated` is {shorten(mated)}, expected one of {', '.join(_FLAGS)}")
    return _FLAGS[mated.lower()]


def _fold(path: Path, line: int, fold: str) -> int:
    if not NUMBER.fullmatch(fold):
        raise damaged(path, line, f"`fold` is {shorten(fold)}, expected a number, 0 or higher")
    return int(fold)


def _groups(other_columns: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Make one grouping of each column; `ref_x` and `probe_x` together make one, `x`, of both images' values.

    A column with a single value separates no pairs, and a column with very many values (a score, a comment) has no
    useful groups: both are left out.
    """
    groups: dict[str, tuple[str, ...]] = {}
    for column, values in other_columns.items():
        name = re.sub("^(ref|probe)_", "", column)
        left, right = other_columns.get(f"ref_{name}"), other_columns.get(f"probe_{name}")
        if left is None or right is None:
            name, left, right = column, values, values
        if 2 <= len({*left, *right}) <= _MOST_GROUPS:
            groups[name] = tuple(_joint_group(*both) for both in zip(left, right, strict=True))
    return groups


def _joint_group(left: str, right: str) -> str:
    """The group of a pair of images; their order makes no difference."""
    return left if left == right else " × ".join(sorted((left, right)))
