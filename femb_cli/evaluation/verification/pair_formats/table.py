"""Pair files that are tables: CSV and its kin, with or without a header row.

femb's own columns are

- `ref`, `probe`: image paths;
- `mated`: 1 or true for a genuine pair; optional if `ref_subject` and `probe_subject` are given;
- `fold`: counted from 0 or from 1; optional;
- `ref_subject`, `probe_subject`: who the images show; optional;
- every other column sorts the pairs into groups.

`columns.py` knows other names of them. Without a header row the contents show which columns are the images and the
flag. A list of two columns without a flag is of genuine pairs where both images are in the same folder.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from femb_cli.evaluation.verification.pair_formats.columns import has_fractions
from femb_cli.evaluation.verification.pair_formats.flags import SHOWN, flag_value, has_three_kinds
from femb_cli.evaluation.verification.pair_formats.image_paths import ImagePaths
from femb_cli.evaluation.verification.pair_formats.layout import WHITE_SPACE, TableLayout
from femb_cli.evaluation.verification.pair_formats.line import WHOLE_NUMBER, PairLine, damaged, shorten

_UNSTATED = "not stated"
_MOST_GROUPS = 30


@dataclass(frozen=True)
class Table:
    """A table of pairs.

    Attributes:
        pairs: the pairs.
        groups: for each grouping by name the group of each pair.
        is_labelled: whether the table says which pairs are genuine.
        note: how the columns were understood, for the user; empty if they have femb's own names.
    """

    pairs: list[PairLine]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_labelled: bool = True
    note: str = ""


def read_table(lines: Sequence[str], layout: TableLayout, paths: ImagePaths) -> Table:
    """Read the pairs of a table.

    Args:
        lines: all lines of the file, without line ends.
        layout: its columns.
        paths: reads its paths.

    Raises:
        FembError: a line is damaged.
    """
    path, roles = paths.file, dict(layout.roles)
    _check_columns(path, layout)
    if len(lines) == layout.header_lines:
        raise damaged(path, 1, "no pairs below the header row")
    rows = list(_rows(path, lines, layout))
    cells = {role: [row[place] for _, row in rows] for role, place in roles.items()}
    numbers = [number for number, _ in rows]
    sides = [[*map(paths.read, numbers, cells[role])] for role in ("ref", "probe")]
    subjects, contradiction = _subjects(path, numbers, cells, layout)
    by_folder = len(layout.columns) == 2 and not layout.header_lines and not layout.is_unlabelled
    genuine = _genuine(path, numbers, cells, subjects)
    if genuine is None and by_folder and all("/" in name for side in sides for name in side):
        genuine = [_folder(left) == _folder(right) for left, right in zip(*sides, strict=True)]
    folds = _folds(path, numbers, cells["fold"]) if "fold" in cells else None
    pairs = [
        PairLine(
            left,
            right,
            genuine=genuine is not None and genuine[index],
            line=numbers[index],
            fold=None if folds is None else folds[index],
            subjects=None if subjects is None else subjects[index],
        )
        for index, (left, right) in enumerate(zip(*sides, strict=True))
    ]
    groups = _groups([row for _, row in rows], layout)
    note = _note(layout, groups, contradiction, by_folder=genuine is not None and by_folder)
    return Table(pairs, groups, genuine is not None, note)


def _check_columns(path: Path, layout: TableLayout) -> None:
    for stated, other in (("ref_subject", "probe_subject"), ("probe_subject", "ref_subject")):
        if stated in (*layout.roles, *layout.columns) and other not in layout.roles:
            raise damaged(path, 1, f"column `{stated}` without its counterpart")


def _rows(path: Path, lines: Sequence[str], layout: TableLayout) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number of each row, and its cells."""
    table = lines[layout.header_lines :]
    is_csv = layout.delimiter != WHITE_SPACE
    reader = csv.reader(table, delimiter=layout.delimiter, strict=True, skipinitialspace=True) if is_csv else None
    try:
        for index, cells in enumerate(reader or map(str.split, table), start=1):
            number = (index if reader is None else reader.line_num) + layout.header_lines
            if len(cells) != len(layout.columns):
                raise damaged(path, number, f"expected {len(layout.columns)} columns, found {len(cells)}")
            yield number, [cell.strip() for cell in cells]
    except csv.Error as error:
        line = layout.header_lines + (reader.line_num if reader is not None else 0)
        raise damaged(path, line, f"not CSV: {error}") from error


def _genuine(
    path: Path,
    numbers: Sequence[int],
    cells: Mapping[str, Sequence[str]],
    subjects: Sequence[tuple[str, str]] | None,
) -> list[bool] | None:
    """Whether each pair shows one person; None if the table does not say."""
    role = "impostor" if "impostor" in cells else "mated"
    if role in cells:
        flags = _flags(path, numbers, cells[role], role)
        return [flag != (role == "impostor") for flag in flags]
    return None if subjects is None else [left == right for left, right in subjects]


def _flags(path: Path, numbers: Sequence[int], cells: Sequence[str], role: str) -> list[bool]:
    values = {cell: flag_value(cell) for cell in set(cells)}
    for number, cell in zip(numbers, cells, strict=True):
        if values[cell] is None:
            raise damaged(path, number, f"`{role}` is {shorten(cell)}, expected {SHOWN}")
    if has_three_kinds(values):
        raise damaged(path, numbers[0], f"`{role}` is 0 in some lines and -1 in others")
    return [bool(values[cell]) for cell in cells]


def _subjects(
    path: Path, numbers: Sequence[int], cells: Mapping[str, Sequence[str]], layout: TableLayout
) -> tuple[list[tuple[str, str]] | None, str]:
    """Who the images show, if the table says; and why columns that look as if they said it are not used."""
    if "ref_subject" not in cells:
        return None, ""
    subjects = list(zip(cells["ref_subject"], cells["probe_subject"], strict=True))
    is_own = layout.columns[layout.roles["ref_subject"]] == "ref_subject"
    flags = _genuine(path, numbers, cells, None)
    for index, (left, right) in enumerate(subjects):
        problem = ""
        if not left or not right:
            problem = "a subject is not stated"
        elif flags is not None and flags[index] != (left == right):
            stated = cells["mated" if "mated" in cells else "impostor"][index]
            problem = f"`mated` is {stated}, but the subjects are {left} and {right}"
        if problem and is_own:
            raise damaged(path, numbers[index], problem)
        if problem:
            return None, f"(line {numbers[index]}: {problem})"
    return subjects, ""


def _folds(path: Path, numbers: Sequence[int], cells: Sequence[str]) -> list[int]:
    """The folds, as they are counted in the table."""
    for number, cell in zip(numbers, cells, strict=True):
        if not WHOLE_NUMBER.fullmatch(cell):
            raise damaged(path, number, f"`fold` is {shorten(cell)}, expected a whole number, 0 or higher")
    return [int(cell.partition(".")[0]) for cell in cells]


def _folder(name: str) -> str:
    """The folder of an image, which is taken as the person."""
    return name.rpartition("/")[0]


def _groups(rows: Sequence[Sequence[str]], layout: TableLayout) -> dict[str, tuple[str, ...]]:
    """Make one grouping of each column without a role; two columns for both images together make one.

    A column with a single value separates no pairs. One with very many values (a comment), with fractions (a score), or
    without a name has no useful groups. All these are left out.
    """
    groups: dict[str, tuple[str, ...]] = {}
    taken = set(layout.roles.values())
    both = [each for each in layout.both if not taken & set(each[1:])]
    single = [(layout.columns[place], place, place) for place in layout.others]
    in_both = {place for _, *places in both for place in places}
    for name, left, right in [*both, *(each for each in single if each[1] not in in_both)]:
        values = [(row[left] or _UNSTATED, row[right] or _UNSTATED) for row in rows]
        distinct = {value for pair in values for value in pair}
        if name and 2 <= len(distinct) <= _MOST_GROUPS and not has_fractions([*distinct - {_UNSTATED}]):
            groups[name] = tuple(_joint_group(*pair) for pair in values)
    return groups


def _joint_group(left: str, right: str) -> str:
    """The group of a pair of images; their order makes no difference."""
    return left if left == right else " × ".join(sorted((left, right)))


def _note(layout: TableLayout, groups: Mapping[str, object], contradiction: str, *, by_folder: bool) -> str:
    """Say how the columns were understood."""
    if not layout.is_guessed:
        return ""
    roles = {role: repr(layout.columns[place]) for role, place in layout.roles.items()}
    people = [f"{roles.pop('ref_subject')} and {roles.pop('probe_subject')}"] if "ref_subject" in roles else []
    parts = [f"the images are {roles['ref']} and {roles['probe']}"]
    if "mated" in roles:
        parts.append(f"{roles['mated']} is whether they show one person")
    if "impostor" in roles:
        parts.append(f"{roles['impostor']} is whether they show two people")
    if by_folder:
        parts.append("they show one person where both are in one folder")
    if "fold" in roles:
        parts.append(f"{roles['fold']} is the fold")
    if people:
        parts.append(f"{people[0]} do not fit the flags {contradiction}" if contradiction else f"{people[0]} say who")
    if groups:
        parts.append(f"groups are made of {', '.join(groups)}")
    unused = _unused(layout, groups)
    if unused:
        parts.append(f"not used: {', '.join(unused)}")
    return f"{'; '.join(parts)} (--columns ref=...,probe=...,mated=... says otherwise)"


def _unused(layout: TableLayout, groups: Mapping[str, object]) -> list[str]:
    """The names of the columns that have neither a role nor groups."""
    of_groups = {layout.columns[place] for name, *places in layout.both if name in groups for place in places}
    names = [layout.columns[place] for place in layout.others]
    return [name or "a column without a name" for name in names if name not in of_groups and name not in groups]
