"""Pair lists as tables: CSV with a header row, and the two-column lists `ref;probe` of face-embeddings.

Columns are separated by commas, semicolons or tabs, as the header row shows:

- `ref`, `probe`: image paths;
- `mated`: 1 or true for a genuine pair; where `ref_subject` and `probe_subject` are given it may be left out;
- `fold`: counted from 0, may be left out;
- `ref_subject`, `probe_subject`: who the images show, may be left out;
- any further column sorts the pairs into groups.

Without a header row the columns are `ref;probe` or `ref;probe;mated`. A pair without a flag is genuine where both
images lie in the same folder.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from femb_cli.errors import FembError

NUMBER = re.compile(r"[0-9]{1,9}")
_FLAGS = {"1": True, "true": True, "0": False, "false": False}
_SUBJECTS = ("ref_subject", "probe_subject")
_OWN_COLUMNS = {"ref", "probe", "mated", "fold", *_SUBJECTS}
_UNSTATED = "not stated"
_MOST_GROUPS = 30


class PairLine(NamedTuple):
    """One line of a pair file.

    Attributes:
        left: path of the first image.
        right: path of the second image.
        genuine: whether both show one person.
        line: number of the line, counted from 1.
        fold: counted from 0, where the file says it.
        subjects: who the images show, where the file says it.
    """

    left: str
    right: str
    genuine: bool
    line: int
    fold: int | None = None
    subjects: tuple[str, str] | None = None


@dataclass(frozen=True)
class TableForm:
    """How to read a table of pairs.

    Attributes:
        delimiter: the character between two cells.
        columns: what the columns hold, in lower case.
        header_lines: 1 with a header row, 0 without.
    """

    delimiter: str
    columns: tuple[str, ...]
    header_lines: int

    def place(self, column: str) -> int | None:
        """Return the place of a column, or None if the table lacks it."""
        return self.columns.index(column) if column in self.columns else None


def table_form(first_line: str) -> TableForm | None:
    """Recognise a table of pairs by its first line; None if it is something else."""
    for delimiter in ",;\t":
        columns = tuple(cell.strip(' "').lower() for cell in first_line.split(delimiter))
        if {"ref", "probe"} <= set(columns):
            return TableForm(delimiter, columns, header_lines=1)
    num_cells = first_line.count(";") + 1
    return TableForm(";", ("ref", "probe", "mated")[:num_cells], header_lines=0) if num_cells in (2, 3) else None


def read_table(path: Path, lines: Sequence[str], form: TableForm) -> tuple[list[PairLine], dict[str, tuple[str, ...]]]:
    """Read the pairs of a table.

    Args:
        path: the file, for errors.
        lines: all of its lines, without their ends.
        form: how to read them.

    Returns:
        The pairs, and the groups by name: the group of each pair.

    Raises:
        FembError: if a line is damaged, or nothing says which pairs are genuine.
    """
    _check_columns(path, form)
    if len(lines) == form.header_lines:
        raise damaged(path, 1, "no pairs below the header row")
    further: dict[str, list[str]] = {column: [] for column in form.columns if column not in _OWN_COLUMNS}
    places = {column: form.columns.index(column) for column in further}
    pairs = []
    for number, cells in _rows(path, lines, form):
        pairs.append(_pair(path, number, cells, form))
        for column, values in further.items():
            values.append(cells[places[column]] or _UNSTATED)
    return pairs, _groups(further)


def _check_columns(path: Path, form: TableForm) -> None:
    stated = [column for column in _SUBJECTS if column in form.columns]
    if len(stated) == 1:
        raise damaged(path, 1, f"column `{stated[0]}` without its counterpart")
    if form.header_lines and not stated and "mated" not in form.columns:
        raise damaged(path, 1, "no column `mated` (1 for a genuine pair, 0 for an impostor pair)")


def _rows(path: Path, lines: Sequence[str], form: TableForm) -> Iterator[tuple[int, list[str]]]:
    """The number of each row's line, and its cells."""
    reader = csv.reader(lines[form.header_lines :], delimiter=form.delimiter, strict=True)
    try:
        for cells in reader:
            number = reader.line_num + form.header_lines
            if len(cells) != len(form.columns):
                raise damaged(path, number, f"expected {len(form.columns)} columns, found {len(cells)}")
            yield number, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise damaged(path, reader.line_num + form.header_lines, f"not CSV: {error}") from error


def _pair(path: Path, number: int, cells: Sequence[str], form: TableForm) -> PairLine:
    """The pair of one row."""
    stated = {column: cell for column, cell in zip(form.columns, cells, strict=True) if column in _OWN_COLUMNS}
    left, right = (_name(path, number, stated[column]) for column in ("ref", "probe"))
    subjects = _stated_subjects(path, number, stated)
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


def _stated_subjects(path: Path, number: int, stated: Mapping[str, str]) -> tuple[str, str] | None:
    if _SUBJECTS[0] not in stated:
        return None
    left, right = (stated[column] for column in _SUBJECTS)
    if not left or not right:
        raise damaged(path, number, "a subject is not stated")
    return left, right


def _name(path: Path, line: int, name: str) -> str:
    """An image path with forward slashes."""
    parts = inner_parts(name)
    if not parts:
        raise damaged(path, line, f"{shorten(name)} is not a path inside the images' folder")
    return "/".join(parts)


def _folder(path: Path, line: int, name: str) -> str:
    """The folder of an image, which stands for the person."""
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
        raise damaged(path, line, f"`fold` is {shorten(fold)}, expected a number from 0 on")
    return int(fold)


def _groups(further: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The groups that the further columns make; `ref_x` and `probe_x` make one, `x`, of both images' values.

    A column of one value tells no pairs apart, and one of very many (a score, a warning) makes no groups.
    """
    groups: dict[str, tuple[str, ...]] = {}
    for column, values in further.items():
        name = re.sub("^(ref|probe)_", "", column)
        left, right = further.get(f"ref_{name}"), further.get(f"probe_{name}")
        if left is None or right is None:
            name, left, right = column, values, values
        if 2 <= len({*left, *right}) <= _MOST_GROUPS:
            groups[name] = tuple(_joint(*both) for both in zip(left, right, strict=True))
    return groups


def _joint(left: str, right: str) -> str:
    """The group of a pair of images, whichever comes first."""
    return left if left == right else " × ".join(sorted((left, right)))


def inner_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a relative path, or none if it leads outside of its folder on any system."""
    # Windows's rules know both slashes and the drive letter.
    windows_path = PureWindowsPath(name)
    leads_outside = windows_path.drive or windows_path.root or ".." in windows_path.parts or "\0" in name
    return () if leads_outside else windows_path.parts


def shorten(text: str) -> str:
    """Return text of a file for a message: quoted, and not too long."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def damaged(path: Path, line: int, what: str) -> FembError:
    """Return the error of a damaged line of a pair file, of either format."""
    return FembError(
        f"{path}, line {line}: {what}",
        hint="a pair file is LFW's text format (header `folds n`, then n genuine and n impostor lines for each fold) "
        "or a table, CSV say, with the columns ref, probe and mated, and perhaps fold",
    )
