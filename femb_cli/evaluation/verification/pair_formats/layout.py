"""The layout of a table of pairs or scores: what separates its cells, whether it has a header, what its columns are."""

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from femb_cli.data.files.naming import has_image_ending
from femb_cli.evaluation.verification.pair_formats.columns import (
    NO_CHOICE,
    ColumnChoice,
    are_decimals,
    roles_by_contents,
    roles_by_name,
)

WHITE_SPACE = " "
"""The delimiter of a table whose cells are separated by spaces or tabs, any number of them."""
_DELIMITERS = (",", ";", "\t", "|", WHITE_SPACE)
_MOST_SAMPLES = 2000


@dataclass(frozen=True)
class TableLayout:
    """The columns of a table.

    Attributes:
        delimiter: the character between two cells; `WHITE_SPACE` for any white space.
        columns: the name of each column, in lower case; `column 1` and so on without a header row.
        header_lines: 1 with a header row, 0 without.
        roles: the column of each role that the table has, see `ROLES`.
        both: columns that say the same of both images: what they say, and both columns.
        is_guessed: whether the columns have other names than femb's own, so that the user should be told.
        is_unlabelled: whether the user says that no column is a flag.
    """

    delimiter: str
    columns: tuple[str, ...]
    header_lines: int
    roles: Mapping[str, int]
    both: tuple[tuple[str, int, int], ...] = ()
    is_guessed: bool = False
    is_unlabelled: bool = False

    @property
    def others(self) -> list[int]:
        """The columns without a role."""
        return [place for place in range(len(self.columns)) if place not in self.roles.values()]

    def describe(self) -> str:
        """Say which column is what."""
        parts = [f"{role} is {self.columns[place]!r}" for role, place in self.roles.items()]
        return ", ".join(parts)


def find_layout(lines: Sequence[str], needed: Collection[str], choice: ColumnChoice = NO_CHOICE) -> TableLayout | None:
    """Find the layout of a table: the first delimiter that gives columns for all roles that are needed.

    Args:
        lines: lines of the table, the first one first; all of them, or some.
        needed: the roles that the table must have; it has a score only if that is one of them.
        choice: what the user says about the columns.

    Returns:
        The layout; None if the lines are no such table.

    Raises:
        FembError: the user names a column that is not there.
    """
    sampled = [lines[0], *lines[1 :: max(1, len(lines) // _MOST_SAMPLES)]]
    tables = [(delimiter, [*split_lines(sampled, delimiter)]) for delimiter in _DELIMITERS]
    tables = [(delimiter, rows) for delimiter, rows in tables if len(rows[0]) > 1]
    for read in (_with_header, _without_header):
        for delimiter, rows in tables:
            layout = read(delimiter, rows, choice, needs_score="score" in needed)
            if layout is not None and set(needed) <= set(layout.roles):
                return replace(layout, is_unlabelled=choice.columns.get("mated") == "")
    for _, rows in tables:
        if choice.columns and len(rows) > 1:
            # The user has named columns: say which of them are missing.
            choice.places(_names_of(rows[0]))
    return None


def split_lines(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    """Yield the cells of each line; a line that is not CSV is one cell."""
    for line in lines:
        if delimiter == WHITE_SPACE:
            yield line.split()
            continue
        try:
            yield [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
        except csv.Error:
            yield [line]


def _with_header(
    delimiter: str, rows: Sequence[Sequence[str]], choice: ColumnChoice, *, needs_score: bool
) -> TableLayout | None:
    written = [cell.lstrip("#").strip() for cell in rows[0]]
    if rows[0][0] == "#":
        written = written[1:]
    if any(_is_data(cell) for cell in written):
        return None
    names = [name.lower() for name in written]
    samples = _columns(rows[1:], len(names))
    roles, both = roles_by_name(names, written, samples)
    if not needs_score:
        roles.pop("score", None)
    free = [place for place in range(len(names)) if place not in roles.values()]
    by_contents = roles_by_contents(samples, [place for place in free if not _is_one_of_two(place, both)])
    widths = {*map(len, rows[1:])}
    if not (roles or choice.columns) or ("ref" not in names and len(widths) == 1 and widths != {len(names)}):
        return None
    for role in ("mated", "score") if needs_score else ("mated",):
        if role in by_contents and not {role, "impostor"} & set(roles):
            roles[role] = by_contents[role]
    own = all(names[place] == role for role, place in roles.items())
    roles = _with_choice(roles, choice.places(names))
    return TableLayout(delimiter, tuple(names), 1, roles, tuple(both), is_guessed=not own or bool(choice.columns))


def _without_header(
    delimiter: str, rows: Sequence[Sequence[str]], choice: ColumnChoice, *, needs_score: bool
) -> TableLayout | None:
    width = len(rows[0])
    if len(rows) > 1 and len({len(row) for row in rows}) > 1 and delimiter == WHITE_SPACE:
        return None
    names = [f"column {place + 1}" for place in range(width)]
    samples = _columns(rows, width)
    roles = roles_by_contents(samples, range(width))
    if not needs_score:
        roles.pop("score", None)
    if "ref" not in roles:
        roles |= _two_names(delimiter, samples, roles)
    header_lines = 0
    if choice.columns:
        places = choice.places(_names_of(rows[0]) if not any(map(_is_data, rows[0])) else names)
        roles = _with_choice(roles, places)
        header_lines = int(len(rows) > 1 and not any(map(_is_data, rows[0])) and any(map(_is_data, rows[1])))
        names = [*_names_of(rows[0])] if header_lines else names
    return TableLayout(delimiter, tuple(names), header_lines, roles, is_guessed=True)


def _two_names(delimiter: str, samples: Sequence[Sequence[str]], roles: Mapping[str, int]) -> dict[str, int]:
    """Find two columns of names without endings: those beside a flag; or the first two of `ref;probe;mated`."""
    free = [place for place in range(len(samples)) if place not in roles.values()]
    has_both_kinds = "mated" in roles and len(set(samples[roles["mated"]])) > 1
    if len(free) == 2 and has_both_kinds:
        return {"ref": free[0], "probe": free[1]}
    if delimiter == ";" and len(samples) in (2, 3) and "score" not in roles:
        return {"ref": 0, "probe": 1, **({"mated": 2} if len(samples) == 3 else {})}
    return {}


def _with_choice(roles: Mapping[str, int], places: Mapping[str, int | None]) -> dict[str, int]:
    """Roles after the user's choice: a chosen column loses the role that it was given."""
    taken = {place for place in places.values() if place is not None}
    kept = {role: place for role, place in roles.items() if role not in places and place not in taken}
    for role, other in (("mated", "impostor"), ("impostor", "mated")):
        if places.get(role) is not None:
            kept.pop(other, None)
    return {**kept, **{role: place for role, place in places.items() if place is not None}}


def _columns(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """Some cells of each column."""
    return [[row[place] for row in rows if len(row) == width] for place in range(width)]


def _names_of(row: Sequence[str]) -> list[str]:
    return [cell.lstrip("# ").lower() for cell in row]


def _is_data(cell: str) -> bool:
    """Whether a cell cannot be the name of a column: a number, a path or an image."""
    return (are_decimals([cell]) and bool(cell)) or has_image_ending(cell) or "/" in cell or "\\" in cell


def _is_one_of_two(place: int, both: Sequence[tuple[str, int, int]]) -> bool:
    return any(place in columns for _, *columns in both)
