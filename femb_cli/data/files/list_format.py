"""The formats of lists of images, recognised by their first lines.

femb reads MagFace's `path 0 identity 0`; `path identity` and `identity path`; InsightFace's `aligned<TAB>path<TAB>
identity`; im2rec's `key<TAB>label<TAB>path`; tables, separated by tabs, commas, semicolons or bars, with
a header or without; and JSON lines, as Hugging Face's `metadata.jsonl`.
"""

import csv
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from femb_cli.data.files.naming import check_text, has_image_ending
from femb_cli.data.person_columns import plain_name, ranked_person_columns
from femb_cli.data.read_as import AS_FOUND, ReadAs
from femb_cli.errors import FembError

PATH_COLUMNS = (
    *("path", "image", "file", "filename", "filepath", "imagepath", "imagefile", "imagename", "img", "imgpath"),
    *("relpath", "relativepath", "photo", "picture", "face", "name", "imageid", "imgid", "id"),
)
"""Names of columns of paths without case and punctuation, the likeliest first."""

_TABLE_SEPARATORS = {"tabs": "\t", "commas": ",", "semicolons": ";", "bars": "|"}
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
_MAGFACE = re.compile(r"(.*\S)\s+0\s+(\S+)\s+0")
_PATH_AND_IDENTITY = re.compile(r"(.*\S)\s+(\S+)")
_IDENTITY_AND_PATH = re.compile(r"(\S+)\s+(.*\S)")

Split = Callable[[str], Sequence[str]]
IsImage = Callable[[str], bool]


@dataclass(frozen=True)
class ListFormat:
    """How a line of a list is divided into cells.

    Attributes:
        description: The format as text, for error messages.
        split: Divides a line into its cells; returns () if the line does not have this format.
        columns: Name of each column; `column_3` for the third if it has none.
        path: Position of the path among the cells.
        people: Positions of the columns that may say who is on an image, the likeliest first; empty if none has a name
            that says so.
        keys: Positions of columns that number the lines or are the same in each, and are not kept.
        is_numbered: Whether identities are numbers rather than names.
        has_header: Whether the first line names the columns.
    """

    description: str
    split: Split
    columns: tuple[str, ...] = ("column_1", "column_2")
    path: int = 0
    people: tuple[int, ...] = (1,)
    keys: tuple[int, ...] = ()
    is_numbered: bool = False
    has_header: bool = False

    @property
    def others(self) -> list[int]:
        """Positions of the columns besides the path and the keys."""
        return [column for column in range(len(self.columns)) if column not in (self.path, *self.keys)]


def recognise(
    lines: Sequence[str],
    is_image: IsImage = has_image_ending,
    exists: IsImage = lambda _: False,
    read_as: ReadAs = AS_FOUND,
) -> ListFormat | None:
    """Return the format of a list from its first lines; None if femb does not know it.

    Args:
        lines: Some lines, at least one.
        is_image: Whether a cell is the path of an image.
        exists: Whether there is such an image; asked where several columns hold paths.
        read_as: The columns that the user names.

    Raises:
        FembError: The list lacks a column that the user names.
    """
    if _json_object(lines[0]):
        return _json_lines(lines, is_image, exists, read_as)
    magface = _split_at_spaces(_MAGFACE, lines[0])
    if magface and is_image(magface[0]):
        return ListFormat("'path 0 identity 0'", partial(_split_at_spaces, _MAGFACE), is_numbered=True)
    for name, separator in _TABLE_SEPARATORS.items():
        split = partial(_split_table, separator, separator != "\t" or '"' in lines[0])
        if table := _table(name, [split(line) for line in lines], split, is_image, exists, read_as):
            return table
    return _pair_at_spaces(lines, is_image, exists)


def check_header(columns: Sequence[str], path: Path) -> None:
    """Refuse a header that gives two extra columns the same name.

    Raises:
        FembError: Two of the columns have the same name.
    """
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise FembError(f"two columns of {path} are named {twice!r}", hint="rename one of them")


def split_line(number: int, text: str, list_format: ListFormat, path: Path) -> Sequence[str]:
    """Divide one line into cells, one for each column, and check its path.

    Cells that are missing at the end are empty.

    Args:
        number: Of the line, from 1.
        text: The line.
        list_format: The format of the list.
        path: The list, for error messages.

    Raises:
        FembError: The line has another format or more cells, or its path is missing or invalid.
    """
    cells, num_columns = list_format.split(text), len(list_format.columns)
    if not cells or any(cells[num_columns:]):
        raise FembError(f"line {number} of {path} is not {list_format.description} like the first line: {text!r}")
    cells = [*cells[:num_columns], *[""] * (num_columns - len(cells))]
    if not cells[list_format.path] or not any(cells[column] for column in list_format.people or [list_format.path]):
        raise FembError(f"line {number} of {path} lacks a path or an identity: {text!r}")
    check_text(cells[list_format.path], f"line {number} of {path}")
    return cells


def _table(
    separator: str, rows: Sequence[Sequence[str]], split: Split, is_image: IsImage, exists: IsImage, read_as: ReadAs
) -> ListFormat | None:
    """Return the format of lines that are divided by a separator; None if they make no table of images."""
    first, below = rows[0], [row for row in rows[1:] if row]
    if len(first) < 2:
        return None
    if not any(map(is_image, first)):
        shifted = below and all(len(row) == len(first) + 1 and row[-1] and _NUMBER.fullmatch(row[0]) for row in below)
        header = ["", *first] if shifted else first  # R writes no name for the column of row numbers
        description = f"{len(header)} columns separated by {separator}"
        return _with_header(ListFormat(description, split, has_header=True), header, below, is_image, exists, read_as)
    description = f"{len(first)} columns separated by {separator}"
    columns = tuple(f"column_{column + 1}" for column in range(len(first)))
    return _without_header(ListFormat(description, split, columns), [first, *below], is_image, exists, read_as)


def _with_header(
    table: ListFormat,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    is_image: IsImage,
    exists: IsImage,
    read_as: ReadAs,
) -> ListFormat | None:
    """Complete the format of a table whose columns have names; None if no column holds paths."""
    names = tuple(cell or f"column_{column + 1}" for column, cell in enumerate(header))
    rank = {name: place for place, name in enumerate(PATH_COLUMNS)}
    ranks = [rank.get(plain_name(name), len(rank)) for name in names]
    path = _path_column(names, ranks, rows, is_image, exists, read_as)
    if path is None:
        return None
    people = [names.index(name) for name in ranked_person_columns(names) if names.index(name) != path]
    is_by_name_alone = not any(path < len(row) and is_image(row[path]) for row in rows)
    if is_by_name_alone and not people:
        return None
    return _with_label(replace(table, columns=names, path=path, people=tuple(people)), read_as)


def _without_header(
    table: ListFormat, rows: Sequence[Sequence[str]], is_image: IsImage, exists: IsImage, read_as: ReadAs
) -> ListFormat | None:
    """Complete the format of a table without names, whose lines may start with a key or with `aligned`."""
    path = _path_column(table.columns, [0] * len(table.columns), rows, is_image, exists, read_as)
    if path is None:
        return None
    last = len(table.columns) - 1
    has_key = last > 1 and path > 0 and all(_NUMBER.fullmatch(row[0]) for row in rows)
    neighbours = tuple(column for column in (path - 1, path + 1) if 0 <= column <= last)
    keyed: tuple[int, ...] = (1,) if path == last else (path + 1, 0)
    people = keyed if has_key else neighbours
    keys = (0,) if has_key else ()
    return _with_label(replace(table, path=path, people=people, keys=keys, is_numbered=has_key), read_as)


def _path_column(
    names: Sequence[str],
    ranks: Sequence[int],
    rows: Sequence[Sequence[str]],
    is_image: IsImage,
    exists: IsImage,
    read_as: ReadAs,
) -> int | None:
    """Return the position of the column of paths: by its contents, then by what exists, then by its name.

    Args:
        names: The names of the columns.
        ranks: A low number for a name that a column of paths often has; the highest for all others.
        rows: The cells of some lines.
        is_image: Whether a cell is the path of an image.
        exists: Whether there is such an image.
        read_as: The columns that the user names.

    Returns:
        None if no column or several could be the paths.
    """
    if read_as.image_column is not None:
        return _named_column(names, read_as.image_column, "--image-column")
    columns = range(len(names))
    holding = [
        column for column in columns if rows and all(column < len(row) and is_image(row[column]) for row in rows)
    ]
    if len(holding) > 1:
        holding = [column for column in holding if exists(rows[0][column])] or holding
    candidates = holding or [column for column in columns if ranks[column] < len(PATH_COLUMNS)]
    best = min((ranks[column] for column in candidates), default=0)
    fitting = [column for column in candidates if ranks[column] == best]
    return fitting[0] if len(fitting) == 1 else None


def _with_label(list_format: ListFormat, read_as: ReadAs) -> ListFormat:
    """Take the column of people that the user names."""
    if read_as.label is None:
        return list_format
    column = _named_column(list_format.columns, read_as.label, "--label")
    keys = tuple(key for key in list_format.keys if key != column)
    return replace(list_format, people=(column,), keys=keys, is_numbered=False)


def _named_column(names: Sequence[str], name: str, option: str) -> int:
    if name not in names:
        raise FembError(
            f"the list has no column {name!r}; its columns are {', '.join(names)}", hint=f"name one: {option} COLUMN"
        )
    return names.index(name)


def _json_lines(lines: Sequence[str], is_image: IsImage, exists: IsImage, read_as: ReadAs) -> ListFormat | None:
    """Return the format of lines of JSON objects; None if they are none, or none of their values is a path."""
    objects = [_json_object(line) for line in lines]
    if not all(objects):
        return None
    names = tuple(dict.fromkeys(name for values in objects for name in values))
    split = partial(_split_json, names)
    table = ListFormat("a JSON object", split)
    return _with_header(table, names, [split(line) for line in lines], is_image, exists, read_as)


def _json_object(line: str) -> dict[str, object]:
    try:
        values = json.loads(line) if line.lstrip().startswith("{") else None
        if "\\u" in line:
            json.dumps(values, ensure_ascii=False).encode()  # a ValueError for half of a pair of surrogates
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _split_json(names: Sequence[str], line: str) -> Sequence[str]:
    values = _json_object(line)
    if any(name not in names for name in values):
        return ()
    return [_json_cell(values.get(name)) for name in names] if values else ()


def _json_cell(value: object) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value)


def _pair_at_spaces(lines: Sequence[str], is_image: IsImage, exists: IsImage) -> ListFormat | None:
    """Return the format of a path and an identity with spaces between them, in either order; None if there is none."""
    columns = ("column_1", "column_2")
    is_single = sum(map(is_image, lines[0].split())) <= 1
    pair = _split_at_spaces(_PATH_AND_IDENTITY, lines[0])
    if pair and is_single and is_image(pair[0]):
        return ListFormat("'path identity'", partial(_split_at_spaces, _PATH_AND_IDENTITY), columns)
    split = partial(_split_at_spaces, _IDENTITY_AND_PATH)
    pairs = [split(line) for line in lines]
    if not is_single or not all(pair and is_image(pair[1]) for pair in pairs):
        return _named_pair(lines, is_image, exists)
    is_prose = not (_NUMBER.fullmatch(pairs[0][0]) or exists(pairs[0][1]) or len(lines) > 1)
    return None if is_prose else ListFormat("'identity path'", split, columns, path=1, people=(0,))


def _named_pair(lines: Sequence[str], is_image: IsImage, exists: IsImage) -> ListFormat | None:
    """Return the format of pairs below a header of two words; None if there is none."""
    names = lines[0].split()
    is_header = len(names) == 2 and not any(map(is_image, names)) and bool(ranked_person_columns(names))
    if not is_header or len(lines) < 2 or not any(plain_name(name) in PATH_COLUMNS for name in names):
        return None
    found = _pair_at_spaces(lines[1:], is_image, exists)
    return found and replace(found, columns=tuple(names), has_header=True)


def _split_at_spaces(pattern: re.Pattern[str], line: str) -> Sequence[str]:
    match = pattern.fullmatch(line.strip())
    return match.groups() if match else ()


def _split_table(separator: str, is_quoted: bool, line: str) -> Sequence[str]:
    """Split at a separator by the rules of CSV with quotes, or without quotes."""
    try:
        cells = (
            next(csv.reader([line], delimiter=separator, skipinitialspace=True)) if is_quoted else line.split(separator)
        )
    except csv.Error:  # a carriage return inside, or a cell longer than the limit
        return ()
    return [cell.strip() for cell in cells]
