"""The forms that lists of images come in, told apart by their first line.

MagFace's `path 0 identity 0`; `path identity`; InsightFace's `aligned<TAB>path<TAB>identity`; im2rec's
`key<TAB>label<TAB>path`; and tables, separated by tabs or commas, with a header or with path and identity first.
"""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from femb_cli.data.files.naming import IMAGE_ENDINGS, check_text
from femb_cli.errors import FembError

_PATH_COLUMNS = ("path", "image", "file", "filename", "name")
_IDENTITY_COLUMNS = ("identity", "label", "id", "person", "class")
_TABLE_SEPARATORS = {"tabs": "\t", "commas": ","}
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
_IDENTITY_NUMBER = re.compile(r"[0-9]{1,18}(?:\.0*)?")
_MAGFACE = re.compile(r"(.*\S)\s+0\s+(\S+)\s+0")
_PATH_AND_IDENTITY = re.compile(r"(.*\S)\s+(\S+)")


@dataclass(frozen=True)
class ListForm:
    """How the lines of a list are put together.

    Attributes:
        shape: The form in words.
        split: From a line to its cells, to none if it is not of the form.
        num_cells: Of each line.
        path: Which cell it is.
        identity: Which cell it is.
        extra: Names of further cells that are kept, by position.
        is_numbered: Whether identities are numbers rather than names.
        has_header: Whether the first line names the columns.
    """

    shape: str
    split: Callable[[str], Sequence[str]]
    num_cells: int = 2
    path: int = 0
    identity: int = 1
    extra: dict[int, str] = field(default_factory=dict)
    is_numbered: bool = False
    has_header: bool = False


def recognise(line: str) -> ListForm | None:
    """Return the form of the list that starts with this line, None if it has none that femb knows."""
    magface = _split_at_spaces(_MAGFACE, line)
    if magface and _is_image(magface[0]):
        return ListForm("'path 0 identity 0'", partial(_split_at_spaces, _MAGFACE), is_numbered=True)
    for name, separator in _TABLE_SEPARATORS.items():
        cells = _split_table(separator, line)
        table = ListForm(f"{len(cells)} columns between {name}", partial(_split_table, separator), num_cells=len(cells))
        if form := _with_header(table, cells) or _without_header(table, cells):
            return form
    pair = _split_at_spaces(_PATH_AND_IDENTITY, line)
    if pair and _is_image(pair[0]) and sum(map(_is_image, line.split())) == 1:
        return ListForm("'path identity'", partial(_split_at_spaces, _PATH_AND_IDENTITY))
    return None


def numbered_by(identity: str, form: ListForm) -> ListForm:
    """Complete a form by the identity in the first line: if that is a number, all are."""
    return replace(form, is_numbered=form.is_numbered or _NUMBER.fullmatch(identity) is not None)


def check_header(form: ListForm, path: Path) -> None:
    """Refuse a header that names two further columns alike.

    Raises:
        FembError: It does.
    """
    names = list(form.extra.values())
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FembError(f"two columns of {path} are named {twice!r}", hint="rename one of them")


def split_line(number: int, text: str, form: ListForm, path: Path) -> Sequence[str]:
    """Return the cells of one line, whose path and identity are sound."""
    place = f"line {number} of {path}"
    cells = form.split(text)
    if len(cells) != form.num_cells:
        raise FembError(f"{place} is not {form.shape} like the first one: {text!r}")
    image, identity = cells[form.path], cells[form.identity]
    if not image or not identity:
        raise FembError(f"{place} lacks a path or an identity: {text!r}")
    if form.is_numbered and not _IDENTITY_NUMBER.fullmatch(identity):
        raise FembError(
            f"{place} has the identity {identity!r}, which is no whole number from 0 up",
            hint="identities are numbers, in every line, if the first one is",
        )
    check_text(image, place)
    check_text(identity, place)
    return cells


def _with_header(table: ListForm, cells: Sequence[str]) -> ListForm | None:
    """Complete the form of a table whose first line names its columns."""
    names = [cell.lower() for cell in cells]
    path = next((names.index(name) for name in _PATH_COLUMNS if name in names), None)
    identity = next((names.index(name) for name in _IDENTITY_COLUMNS if name in names), None)
    if path is None or identity is None:
        return None
    extra = {column: cell or f"column_{column + 1}" for column, cell in enumerate(cells)}
    del extra[path], extra[identity]
    return replace(table, path=path, identity=identity, extra=extra, has_header=True)


def _without_header(table: ListForm, cells: Sequence[str]) -> ListForm | None:
    """Complete the form of a table from its first row, which may open with a key or with `aligned`."""
    has_key = len(cells) > 2 and _NUMBER.fullmatch(cells[0]) is not None
    if has_key and _is_image(cells[-1]):
        path, identity = len(cells) - 1, 1
    else:
        path, identity = int(has_key), int(has_key) + 1
    if len(cells) < 2 or not _is_image(cells[path]) or _is_image(cells[identity]):
        return None
    kept = set(range(int(has_key), len(cells))) - {path, identity}
    extra = {column: f"column_{column + 1}" for column in sorted(kept)}
    return replace(table, path=path, identity=identity, extra=extra, is_numbered=has_key)


def _split_at_spaces(pattern: re.Pattern[str], line: str) -> Sequence[str]:
    match = pattern.fullmatch(line.strip())
    return match.groups() if match else ()


def _split_table(separator: str, line: str) -> Sequence[str]:
    """Split at commas as CSV does, with quotes, and at tabs as they stand."""
    try:
        cells = next(csv.reader([line])) if separator == "," else line.split(separator)
    except csv.Error:  # a carriage return inside, or a cell that is endlessly long
        return ()
    return [cell.strip() for cell in cells]


def _is_image(cell: str) -> bool:
    return PurePosixPath(cell).suffix.lower() in IMAGE_ENDINGS
