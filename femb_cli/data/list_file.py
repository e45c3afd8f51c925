"""Images named by a list: a text file with a path and an identity on each line, in any of the forms in use.

Forms, told apart by the first line: MagFace's `path 0 identity 0`; `path identity`; InsightFace's
`aligned<TAB>path<TAB>identity`; im2rec's `key<TAB>label<TAB>path`; and tables, separated by tabs or commas, with a
header or with path and identity first.

Shapes: N lines, U different images, R lines that repeat one, C identities.
"""

import csv
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from femb_cli.data.folder import common_folder, read_file
from femb_cli.data.layout import IMAGE_ENDINGS, check_text
from femb_cli.data.source import ComputedNames, Identities
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa

_PATH_COLUMNS = ("path", "image", "file", "filename", "name")
_IDENTITY_COLUMNS = ("identity", "label", "id", "person", "class")
_TABLE_SEPARATORS = {"tabs": "\t", "commas": ","}
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
_IDENTITY_NUMBER = re.compile(r"[0-9]{1,18}(?:\.0*)?")
_MAGFACE = re.compile(r"(.*\S)\s+0\s+(\S+)\s+0")
_PATH_AND_IDENTITY = re.compile(r"(.*\S)\s+(\S+)")
_ABSOLUTE_OR_CLIMBING = r"^/|(^|/)\.\.(/|$)"
_FIRST_LINE_BYTES = 2**16
_BLOCK_LINES = 2**16


class ListFileSource:
    """The images that a list names, in its order, and their identities.

    Identities that are numbers are named by their number and sorted as numbers, others by code point. Relative paths
    start from `root`, else from the list's folder, or from the one folder in it that holds the first image. `names`
    are the paths as written where all of them are relative and none climbs with '..', else relative to the deepest
    folder that holds all images.

    Raises:
        FembError: The list cannot be read or is none, or one of its lines is not like the first, names no identity,
            or gives an image another identity than an earlier line. Whether the images exist is not looked at.

    Warns:
        UserWarning: The list names an image more than once; it is kept once, where it came first.
    """

    kind = "list"

    def __init__(self, path: str | Path, root: Path | None = None) -> None:
        self.path = Path(path)
        self._given_root = root
        rows = _read_rows(self.path)
        self._root = root or _find_root(self.path.parent, rows.paths[0].as_py())
        names = _names_of(rows.paths, self._root)
        rows_U = _first_mentions(names, rows, self.path)
        if len(rows_U) < len(names):
            names, rows = names.take(rows_U), rows.take(rows_U)
        self._names, self._paths, self._lines_N = names, rows.paths, rows.lines_N
        self._extra = _with_numbers(rows.extra)
        self.identities = _number_identities(rows.identities)

    def __len__(self) -> int:
        return len(self._names)

    def __reduce__(self) -> tuple[type["ListFileSource"], tuple[Path, Path | None]]:
        return ListFileSource, (self.path, self._given_root)

    @property
    def names(self) -> Sequence[str]:
        """Unique names, looked up when asked for."""
        return ComputedNames(len(self), lambda index: self._names[index].as_py())

    def read(self, index: int) -> bytes:
        """Return the encoded bytes of one image.

        Raises:
            FembError: The image cannot be read.
        """
        try:
            return read_file(self._root / self._paths[index].as_py())
        except FembError as error:
            raise FembError(
                f"line {self._lines_N[index]} of {self.path}: {error.message}",
                hint="--images DIR says where the paths of the list start from",
            ) from error

    def extra(self, rows_N: np.ndarray) -> "pa.Table | None":
        """Return the list's further columns for some rows, int64 or float64 where all of a column are numbers.

        Returns:
            None if the list has no further columns.
        """
        return self._extra.take(rows_N) if self._extra.num_columns else None


def is_list_file(path: Path) -> bool:
    """Whether `path` is a text file whose first line, blank ones aside, has a form that femb knows."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        lines = file.read(_FIRST_LINE_BYTES).splitlines()
    try:
        texts = (line.decode("utf-8-sig") for line in lines)
        first = next((text for text in texts if text.strip()), "")
    except UnicodeDecodeError:
        return False
    return "\0" not in first and _recognise(first) is not None


@dataclass(frozen=True)
class _Form:
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


def _recognise(line: str) -> _Form | None:
    """Return the form of the list that starts with this line, None if it has none that femb knows."""
    magface = _split_at_spaces(_MAGFACE, line)
    if magface and _is_image(magface[0]):
        return _Form("'path 0 identity 0'", partial(_split_at_spaces, _MAGFACE), is_numbered=True)
    for name, separator in _TABLE_SEPARATORS.items():
        cells = _split_table(separator, line)
        table = _Form(f"{len(cells)} columns between {name}", partial(_split_table, separator), num_cells=len(cells))
        if form := _with_header(table, cells) or _without_header(table, cells):
            return form
    pair = _split_at_spaces(_PATH_AND_IDENTITY, line)
    if pair and _is_image(pair[0]) and sum(map(_is_image, line.split())) == 1:
        return _Form("'path identity'", partial(_split_at_spaces, _PATH_AND_IDENTITY))
    return None


def _with_header(table: _Form, cells: Sequence[str]) -> _Form | None:
    """Complete the form of a table whose first line names its columns."""
    names = [cell.lower() for cell in cells]
    path = next((names.index(name) for name in _PATH_COLUMNS if name in names), None)
    identity = next((names.index(name) for name in _IDENTITY_COLUMNS if name in names), None)
    if path is None or identity is None:
        return None
    extra = {column: cell or f"column_{column + 1}" for column, cell in enumerate(cells)}
    del extra[path], extra[identity]
    return replace(table, path=path, identity=identity, extra=extra, has_header=True)


def _without_header(table: _Form, cells: Sequence[str]) -> _Form | None:
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


@dataclass(frozen=True)
class _Rows:
    """What the lines of a list say.

    Attributes:
        paths: large_string, (N,), as written.
        identities: int64 or large_string, (N,).
        lines_N: int64, the lines' numbers, from 1.
        extra: The further columns, large_string.
    """

    paths: "pa.Array"
    identities: "pa.Array"
    lines_N: np.ndarray
    extra: "pa.Table"

    def take(self, rows_U: np.ndarray) -> "_Rows":
        return _Rows(
            self.paths.take(rows_U), self.identities.take(rows_U), self.lines_N[rows_U], self.extra.take(rows_U)
        )


def _read_rows(path: Path) -> _Rows:
    import pyarrow as pa

    form, lines = _open_list(path)
    batches = []
    while block := list(islice(lines, _BLOCK_LINES)):
        batches.append(_read_block(block, form, path))
    table = pa.Table.from_batches(batches).combine_chunks()
    paths, identities, lines_N = (table.column(column).chunk(0) for column in range(3))
    return _Rows(paths, identities, lines_N.to_numpy(), table.select(range(3, table.num_columns)))


def _open_list(path: Path) -> tuple[_Form, Iterator[tuple[int, str]]]:
    """Return the form of a list and its numbered lines, without the header."""
    lines = _read_lines(path)
    first = next(lines, None)
    if first is None:
        raise FembError(f"the list {path} is empty")
    form = _recognise(first[1])
    if form is None:
        raise FembError(
            f"line {first[0]} of {path} is no line of a list that femb knows: {first[1]!r}",
            hint=f"write 'path identity', where path ends in {', '.join(sorted(IMAGE_ENDINGS))},"
            " or a table with the columns path and identity",
        )
    if form.has_header:
        _check_header(form, path)
        first = next(lines, None)
        if first is None:
            raise FembError(f"the list {path} has a header and nothing below it")
    identity = _split_line(*first, form, path)[form.identity]
    is_numbered = form.is_numbered or _NUMBER.fullmatch(identity) is not None
    return replace(form, is_numbered=is_numbered), chain([first], lines)


def _check_header(form: _Form, path: Path) -> None:
    names = list(form.extra.values())
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FembError(f"two columns of {path} are named {twice!r}", hint="rename one of them")


def _read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, each after its number, without their ends."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                if text.strip():
                    yield number, text
    except OSError as error:
        raise FembError(f"cannot read the list {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FembError(
            f"line {number} of {path} is no UTF-8 text: {line[:80]!r}", hint="save the list as UTF-8"
        ) from error


def _read_block(block: list[tuple[int, str]], form: _Form, path: Path) -> "pa.RecordBatch":
    """Turn lines into the columns path, identity, line number and those that are kept besides."""
    import pyarrow as pa

    columns = list(zip(*(_split_line(*line, form, path) for line in block), strict=True))
    texts = {column: pa.array(columns[column], pa.large_string()) for column in (form.path, *form.extra)}
    names = columns[form.identity]
    if form.is_numbered:
        identities = pa.array([int(name.partition(".")[0]) for name in names], pa.int64())
    else:
        identities = pa.array(names, pa.large_string())
    numbers = pa.array([number for number, _ in block], pa.int64())
    return pa.record_batch(
        [texts[form.path], identities, numbers, *(texts[column] for column in form.extra)],
        names=["path", "identity", "line", *form.extra.values()],
    )


def _split_line(number: int, text: str, form: _Form, path: Path) -> Sequence[str]:
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


def _find_root(folder: Path, first: str) -> Path:
    """Return where the first path starts from: the list's folder, or the only folder in it where that is a file."""
    if _is_file(folder / first):
        return folder
    fitting = [inner for inner in folder.iterdir() if _is_file(inner / first)]
    return fitting[0] if len(fitting) == 1 else folder


def _is_file(path: Path) -> bool:
    """Whether `path` is a file, not so also where nobody may look."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file() raises in folders that are closed to this user


def _names_of(paths: "pa.Array", root: Path) -> "pa.Array":
    """Return the names of the images, large_string, (N,)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring_regex(paths, _ABSOLUTE_OR_CLIMBING)).as_py():
        return paths
    blocks = (paths[start : start + _BLOCK_LINES].to_pylist() for start in range(0, len(paths), _BLOCK_LINES))
    absolute = pa.concat_arrays([pa.array(_absolute(root, block), pa.large_string()) for block in blocks])
    ends = pc.min_max(absolute).as_py()
    top = common_folder(ends["min"], ends["max"])
    return pc.utf8_slice_codeunits(absolute, start=len(top.rstrip("/")) + 1)


def _absolute(root: Path, paths: list[str]) -> list[str]:
    """Join as text: making a `Path` of each of many millions of lines would take minutes."""
    start = os.path.abspath(root)  # noqa: PTH100 - resolve() would follow links
    return [os.path.normpath(os.path.join(start, path)) for path in paths]  # noqa: PTH118


def _first_mentions(names: "pa.Array", rows: _Rows, path: Path) -> np.ndarray:
    """Return the rows that name an image first, int64, ascending; warn of others and refuse contradictions."""
    encoded = names.dictionary_encode()
    if len(encoded.dictionary) == len(names):
        return np.arange(len(names))
    codes_N = encoded.indices.to_numpy()
    # Codes count up in the order of first mention, so these rows ascend.
    rows_U = np.unique(codes_N, return_index=True)[1]
    again_R = np.setdiff1d(np.arange(len(names)), rows_U, assume_unique=True)
    for again, first in zip(again_R, rows_U[codes_N[again_R]], strict=True):
        if rows.identities[again] != rows.identities[first]:
            raise FembError(
                f"{path} gives {names[again].as_py()!r} the identity {rows.identities[first]} in line"
                f" {rows.lines_N[first]} and {rows.identities[again]} in line {rows.lines_N[again]}",
                hint="remove one of the two lines",
            )
    line, name = rows.lines_N[again_R[0]], names[again_R[0]].as_py()
    warnings.warn(
        f"{path} repeats images; lines left out: {len(again_R)}, the first is line {line} with {name!r}",
        stacklevel=3,
    )
    return rows_U


def _number_identities(identities: "pa.Array") -> Identities:
    """Sort the identities, numbers as numbers and names by code point, and number them from 0."""
    encoded = identities.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    order = sorted(range(len(values)), key=values.__getitem__)
    labels_C = np.empty(len(values), dtype=np.int64)
    labels_C[order] = np.arange(len(values))
    return Identities([str(values[code]) for code in order], labels_C[encoded.indices.to_numpy()])


def _with_numbers(extra: "pa.Table") -> "pa.Table":
    """Turn columns of text into int64 or float64 where all their cells are numbers."""
    import pyarrow as pa

    return pa.table({name: _numbers_or_text(extra[name]) for name in extra.column_names})


def _numbers_or_text(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa

    try:
        numbers = column.cast(pa.float64())
    except pa.ArrowInvalid:
        return column
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return numbers
