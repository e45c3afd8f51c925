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

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.text_column import TextColumn
from femb_cli.evaluation.verification.folds import Folds, default_folds, numbered_from_zero
from femb_cli.evaluation.verification.pair_formats.cells import Cells, read_cells
from femb_cli.evaluation.verification.pair_formats.columns import has_fractions
from femb_cli.evaluation.verification.pair_formats.flags import SHOWN, flag_value, has_three_kinds
from femb_cli.evaluation.verification.pair_formats.image_paths import ImagePaths
from femb_cli.evaluation.verification.pair_formats.layout import TableLayout
from femb_cli.evaluation.verification.pair_formats.line import WHOLE_NUMBER, damaged, shorten
from femb_cli.evaluation.verification.pair_formats.text_file import TextFile
from femb_cli.evaluation.verification.pairs import PairList

_UNSTATED = "not stated"
_MOST_GROUPS = 30

Roles = Mapping[str, TextColumn]
"""The column of each role."""


def read_table(file: TextFile, layout: TableLayout, paths: ImagePaths) -> PairList:
    """Read the pairs of a table.

    Args:
        file: the file.
        layout: its columns.
        paths: reads its paths.

    Raises:
        FembError: a line is damaged.
    """
    path = file.path
    _check_columns(path, layout)
    if file.num_lines == layout.header_lines:
        raise damaged(path, 1, "no pairs below the header row")
    # A cell may be empty or `not stated`, which is one group.
    cells = read_cells(file, layout, _couples(layout), most_values=_MOST_GROUPS + 1)
    lines_N, roles = cells.lines_N, {role: cells.columns[place] for role, place in layout.roles.items()}
    left, right = paths.read(lines_N, roles["ref"], roles["probe"])
    subjects, contradiction = _subjects(path, lines_N, roles, layout)
    genuine_N = _genuine(path, lines_N, roles, subjects)
    by_folder = len(layout.columns) == 2 and not layout.header_lines and not layout.is_unlabelled
    if genuine_N is None and by_folder and all("/" in name for name in left.values):
        genuine_N = _are_equal(*(side.replaced(TextColumn.of(map(_folder, side.values))) for side in (left, right)))
    groups = _groups(cells, layout)
    flags_N = np.zeros(len(cells), dtype=bool) if genuine_N is None else genuine_N
    return PairList(
        left=left,
        right=right,
        genuine_N=flags_N,
        folds_N=_folds(path, lines_N, roles["fold"]) if "fold" in roles else default_folds(flags_N),
        lines_N=lines_N,
        path=path,
        groups=groups,
        stated_subjects=subjects,
        is_labelled=genuine_N is not None,
        note=_note(layout, groups, contradiction, by_folder=genuine_N is not None and by_folder),
    )


def _couples(layout: TableLayout) -> list[tuple[int, int]]:
    """The columns that say the same of both images."""
    roles = layout.roles
    people = [(roles["ref_subject"], roles["probe_subject"])] if "ref_subject" in roles else []
    return [(roles["ref"], roles["probe"]), *people, *((left, right) for _, left, right in _groupings(layout))]


def _check_columns(path: Path, layout: TableLayout) -> None:
    for stated, other in (("ref_subject", "probe_subject"), ("probe_subject", "ref_subject")):
        if stated in (*layout.roles, *layout.columns) and other not in layout.roles:
            raise damaged(path, 1, f"column `{stated}` without its counterpart")


def _genuine(
    path: Path, lines_N: NDArray[np.int32], roles: Roles, subjects: tuple[TextColumn, TextColumn] | None
) -> NDArray[np.bool_] | None:
    """Whether each pair shows one person; None if the table does not say."""
    role = "impostor" if "impostor" in roles else "mated"
    if role in roles:
        return _flags(path, lines_N, roles[role], role) != (role == "impostor")
    return None if subjects is None else _are_equal(*subjects)


def _flags(path: Path, lines_N: NDArray[np.int32], column: TextColumn, role: str) -> NDArray[np.bool_]:
    values = [flag_value(cell) for cell in column.values]
    damaged_N = column.are(value is None for value in values)
    if damaged_N.any():
        row = int(damaged_N.argmax())
        raise damaged(path, int(lines_N[row]), f"`{role}` is {shorten(column[row])}, expected {SHOWN}")
    if has_three_kinds(column.occurring()):
        raise damaged(path, int(lines_N[0]), f"`{role}` is 0 in some lines and -1 in others")
    return column.are(map(bool, values))


def _are_equal(left: TextColumn, right: TextColumn) -> NDArray[np.bool_]:
    """Whether two columns that share their values have the same text in a row."""
    return left.codes_N == right.codes_N


def _subjects(
    path: Path, lines_N: NDArray[np.int32], roles: Roles, layout: TableLayout
) -> tuple[tuple[TextColumn, TextColumn] | None, str]:
    """Who the images show, if the table says; and why columns that look as if they said it are not used."""
    if "ref_subject" not in roles:
        return None, ""
    left, right = roles["ref_subject"], roles["probe_subject"]
    flags_N = _genuine(path, lines_N, roles, None)
    unstated_N = left.are(not who for who in left.values) | right.are(not who for who in right.values)
    wrong_N = unstated_N if flags_N is None else unstated_N | (flags_N != _are_equal(left, right))
    if not wrong_N.any():
        return (left, right), ""
    row = int(wrong_N.argmax())
    problem = "a subject is not stated"
    if not unstated_N[row]:
        stated = roles["mated" if "mated" in roles else "impostor"][row]
        problem = f"`mated` is {stated}, but the subjects are {left[row]} and {right[row]}"
    if layout.columns[layout.roles["ref_subject"]] == "ref_subject":
        raise damaged(path, int(lines_N[row]), problem)
    return None, f"(line {lines_N[row]}: {problem})"


def _folds(path: Path, lines_N: NDArray[np.int32], column: TextColumn) -> Folds:
    """The folds, counted from 0; in the table every fold from the first, 0 or 1, to the last must have pairs."""
    numbers = [int(cell.partition(".")[0]) if WHOLE_NUMBER.fullmatch(cell) else -1 for cell in column.values]
    folds_N = np.array(numbers, dtype=np.int64)[column.codes_N]
    if folds_N.min() < 0:
        row = int(folds_N.argmin())
        raise damaged(
            path, int(lines_N[row]), f"`fold` is {shorten(column[row])}, expected a whole number, 0 or higher"
        )
    present = set(np.unique(folds_N).tolist())
    first = 0 if 0 in present else 1
    absent = next(fold for fold in range(first, first + len(present) + 1) if fold not in present)
    if absent < first + len(present):
        row = int(folds_N.argmax())
        raise damaged(path, int(lines_N[row]), f"`fold` is {folds_N[row]}, but no pair is in fold {absent}")
    return numbered_from_zero(folds_N, first)


def _folder(name: str) -> str:
    """The folder of an image, which is taken as the person."""
    return name.rpartition("/")[0]


def _groupings(layout: TableLayout) -> list[tuple[str, int, int]]:
    """What the columns without a role say, with the column for each image; one for both images stands twice."""
    taken = set(layout.roles.values())
    both = [each for each in layout.both if not taken & set(each[1:])]
    in_both = {place for _, *places in both for place in places}
    single = [(layout.columns[place], place, place) for place in layout.others if place not in in_both]
    return [*both, *single]


def _groups(cells: Cells, layout: TableLayout) -> dict[str, TextColumn]:
    """Make one grouping of each column without a role; two columns for both images together make one.

    A column with a single value separates no pairs. One with very many values (a comment), with fractions (a score), or
    without a name has no useful groups. All these are left out.
    """
    groups: dict[str, TextColumn] = {}
    for name, *places in _groupings(layout):
        if not name or not set(places) <= cells.columns.keys():
            continue
        left, right = (cells.columns[place] for place in places)
        stated = TextColumn.of(cell or _UNSTATED for cell in left.values)
        values = stated.values
        if 2 <= len(values) <= _MOST_GROUPS and not has_fractions([*{*values} - {_UNSTATED}]):
            joint = TextColumn.of(_joint_group(one, other) for one in values for other in values)
            codes_N = len(values) * stated.codes_N[left.codes_N] + stated.codes_N[right.codes_N]
            groups[name] = TextColumn(
                joint.values, joint.codes_N.astype(np.min_scalar_type(len(joint.values)))[codes_N]
            )
    return groups


def _joint_group(left: str, right: str) -> str:
    """The group of a pair of images; their order makes no difference."""
    return left if left == right else " × ".join(sorted((left, right)))


def _note(layout: TableLayout, groups: Mapping[str, TextColumn], contradiction: str, *, by_folder: bool) -> str:
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


def _unused(layout: TableLayout, groups: Mapping[str, TextColumn]) -> list[str]:
    """The names of the columns that have neither a role nor groups."""
    of_groups = {layout.columns[place] for name, *places in layout.both if name in groups for place in places}
    names = [layout.columns[place] for place in layout.others]
    return [name or "a column without a name" for name in names if name not in of_groups and name not in groups]
