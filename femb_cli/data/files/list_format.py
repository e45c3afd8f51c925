"""The formats of lists of images, recognised by their first line.

femb reads MagFace's `path 0 identity 0`; `path identity`; InsightFace's `aligned<TAB>path<TAB>identity`; im2rec's
`key<TAB>label<TAB>path`; and tables, separated by tabs or commas, with a header or with path and identity first.
"""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from femb_cli.data.files.naming import check_text, has_image_ending
from femb_cli.errors import FembError

_PATH_COLUMNS = ("path", "image", "file", "filename", "name")
_IDENTITY_COLUMNS = ("identity", "label", "id", "person", "class")
_TABLE_SEPARATORS = {"tabs": "\t", "commas": ","}
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
_IDENTITY_NUMBER = re.compile(r"[0-9]{1,18}(?:\.0*)?")
_MAGFACE = re.compile(r"(.*\S)\s+0\s+(\S+)\s+0")
_PATH_AND_IDENTITY = re.compile(r"(.*\S)\s+(\S+)")


@dataclass(frozen=True)
class ListFormat:
    """How a line of a list is divided into cells.

    Attributes:
        description: The format as text, for error messages.
        split: Divides a line into its cells; returns () if the line does not have this format.
        num_cells: Cells in each line.
        path: Position of the path among the cells.
        identity: Position of the identity.
        extra: Names of the extra columns, by position.
        is_numbered: Whether identities are numbers rather than names.
        has_header: Whether the first line names the columns.
    """

    description: str
    split: Callable[[str], Sequence[str]]
    num_cells: int = 2
    path: int = 0
    identity: int = 1
    extra: dict[int, str] = field(default_factory=dict)
    is_numbered: bool = False
    has_header: bool = False


def recognise(line: str, is_image: Callable[[str], bool] = has_image_ending) -> ListFormat | None:
    """Return the format of a list from its first line; None if femb does not know it.

    Args:
        line: The line.
        is_image: Whether a cell is the path of an image.
    """
    magface = _split_at_spaces(_MAGFACE, line)
    if magface and is_image(magface[0]):
        return ListFormat("'path 0 identity 0'", partial(_split_at_spaces, _MAGFACE), is_numbered=True)
    for name, separator in _TABLE_SEPARATORS.items():
        cells = _split_table(separator, line)
        description = f"{len(cells)} columns separated by {name}"
        table = ListFormat(description, partial(_split_table, separator), num_cells=len(cells))
        if list_format := _with_header(table, cells) or _without_header(table, cells, is_image):
            return list_format
    pair = _split_at_spaces(_PATH_AND_IDENTITY, line)
    if pair and is_image(pair[0]) and sum(map(is_image, line.split())) <= 1:
        return ListFormat("'path identity'", partial(_split_at_spaces, _PATH_AND_IDENTITY))
    return None


def with_identity_kind(list_format: ListFormat, identity: str) -> ListFormat:
    """Complete a format from the first identity: if it is a number, all identities must be numbers."""
    return replace(list_format, is_numbered=list_format.is_numbered or _NUMBER.fullmatch(identity) is not None)


def check_header(list_format: ListFormat, path: Path) -> None:
    """Refuse a header that gives two extra columns the same name.

    Raises:
        FembError: Two extra columns have the same name.
    """
    names = list(list_format.extra.values())
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FembError(f"two columns of {path} are named {twice!r}", hint="rename one of them")


def split_line(number: int, text: str, list_format: ListFormat, path: Path) -> Sequence[str]:
    """Divide one line into cells, and check its path and its identity.

    Args:
        number: Of the line, from 1.
        text: The line.
        list_format: The format of the list.
        path: The list, for error messages.

    Raises:
        FembError: The line has another format, or its path or identity is missing or invalid.
    """
    place = f"line {number} of {path}"
    cells = list_format.split(text)
    if len(cells) != list_format.num_cells:
        raise FembError(f"{place} is not {list_format.description} like the first line: {text!r}")
    image, identity = cells[list_format.path], cells[list_format.identity]
    if not image or not identity:
        raise FembError(f"{place} lacks a path or an identity: {text!r}")
    if list_format.is_numbered and not _IDENTITY_NUMBER.fullmatch(identity):
        raise FembError(
            f"{place} has the identity {identity!r}, which is not a whole number from 0 up",
            hint="if the first identity is a number, all must be numbers",
        )
    check_text(image, place)
    check_text(identity, place)
    return cells


def _with_header(table: ListFormat, cells: Sequence[str]) -> ListFormat | None:
    """Complete the format of a table whose first line names its columns; None if it does not."""
    names = [cell.lower() for cell in cells]
    path = next((names.index(name) for name in _PATH_COLUMNS if name in names), None)
    identity = next((names.index(name) for name in _IDENTITY_COLUMNS if name in names), None)
    if path is None or identity is None:
        return None
    extra = {column: cell or f"column_{column + 1}" for column, cell in enumerate(cells)}
    del extra[path], extra[identity]
    return replace(table, path=path, identity=identity, extra=extra, has_header=True)


def _without_header(table: ListFormat, cells: Sequence[str], is_image: Callable[[str], bool]) -> ListFormat | None:
    """Complete the format of a table from its first row, which may start with a key or with `aligned`."""
    has_key = len(cells) > 2 and _NUMBER.fullmatch(cells[0]) is not None
    if has_key and is_image(cells[-1]):
        path, identity = len(cells) - 1, 1
    else:
        path, identity = int(has_key), int(has_key) + 1
    if len(cells) < 2 or not is_image(cells[path]) or is_image(cells[identity]):
        return None
    kept = set(range(int(has_key), len(cells))) - {path, identity}
    extra = {column: f"column_{column + 1}" for column in sorted(kept)}
    return replace(table, path=path, identity=identity, extra=extra, is_numbered=has_key)


def _split_at_spaces(pattern: re.Pattern[str], line: str) -> Sequence[str]:
    match = pattern.fullmatch(line.strip())
    return match.groups() if match else ()


def _split_table(separator: str, line: str) -> Sequence[str]:
    """Split at commas by the rules of CSV, with quotes; at tabs without quotes."""
    try:
        cells = next(csv.reader([line])) if separator == "," else line.split(separator)
    except csv.Error:  # a carriage return inside, or a cell longer than the limit
        return ()
    return [cell.strip() for cell in cells]
