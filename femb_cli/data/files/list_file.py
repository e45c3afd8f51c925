"""Images named by a list: a text file with a path and an identity on each line.

Shapes: N lines, U distinct images, R lines that repeat an image.
"""

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from femb_cli.data.files.folder import common_folder, read_file
from femb_cli.data.files.images_among_files import is_image_file
from femb_cli.data.files.list_format import ListFormat, check_header, recognise, split_line, with_identity_kind
from femb_cli.data.files.naming import has_image_ending
from femb_cli.data.files.unicode_paths import UnicodePaths
from femb_cli.data.identities import identities_from_values
from femb_cli.data.source import ComputedNames
from femb_cli.errors import FembError

if TYPE_CHECKING:
    import pyarrow as pa

_ABSOLUTE_OR_CLIMBING = r"^/|(^|/)\.\.(/|$)"
_FIRST_LINE_BYTES = 2**16
_BLOCK_LINES = 2**16


class ListFileSource:
    """The images that a list names, in its order, and their identities.

    Identities that are numbers are sorted as numbers, others by code point. Relative paths start from `root`. Without
    `root` they start from the list's folder, or from the only folder in it that contains the first image. `names` are
    the paths as written, if all are relative and none contains '..'; otherwise they are relative to the deepest folder
    that contains all images.

    Opening a list does not check that its images exist. A file whose name has another Unicode form than in the list is
    found, unless the list names both forms: then each is an image of its own.

    Raises:
        FembError: The list cannot be read or has an unknown format; or a line has another format than the first, names
            no identity, or gives an image another identity than an earlier line.

    Warns:
        UserWarning: The list names an image more than once; only its first line counts.
    """

    kind = "list"

    def __init__(self, path: str | Path, root: Path | None = None) -> None:
        self.path = Path(path)
        self._given_root = root
        rows = _read_rows(self.path, root)
        self.root = root or _find_root(self.path.parent, rows.paths[0].as_py())
        self._files = UnicodePaths(self.root)
        names = _names_of(rows.paths, self.root)
        rows_U = _first_mentions(names, rows, self.path)
        if len(rows_U) < len(names):
            names, rows = names.take(rows_U), rows.take(rows_U)
        self._names, self._paths, self._lines_N = names, rows.paths, rows.lines_N
        self._twins = _rows_in_two_forms(names)
        self._extra = _with_numbers(rows.extra)
        self.identities = identities_from_values(rows.identities)

    def __len__(self) -> int:
        return len(self._names)

    def __reduce__(self) -> tuple[type["ListFileSource"], tuple[Path, Path | None]]:
        return ListFileSource, (self.path, self._given_root)

    @property
    def names(self) -> Sequence[str]:
        """Unique names, converted to text on access."""
        return ComputedNames(len(self), lambda index: self._names[index].as_py())

    def file(self, index: int) -> str:
        """Return the path of an image's file."""
        path = self._paths[index].as_py()
        return str(self.root / path) if index in self._twins else self._files.find(path)

    def read(self, index: int) -> bytes:
        """Return one encoded image.

        Raises:
            FembError: The image cannot be read.
        """
        try:
            return read_file(Path(self.file(index)))
        except FembError as error:
            raise FembError(
                f"line {self._lines_N[index]} of {self.path}: {error.message}",
                hint="--images DIR says where the paths of the list start from",
            ) from error

    def extra(self, rows_N: np.ndarray) -> "pa.Table | None":
        """Return the extra columns of some rows: int64 or float64 if all cells of a column are numbers, else text.

        Returns:
            None if the list has no extra columns.
        """
        return self._extra.take(rows_N) if self._extra.num_columns else None


def is_list_file(path: Path, root: Path | None = None) -> bool:
    """Whether `path` is a text file, and its first line with text has a format that femb knows.

    Args:
        path: The file.
        root: The folder that relative paths in it start from; None for its own.
    """
    return _format_of(path, root) is not None


def has_extra_columns(path: Path) -> bool:
    """Whether `path` is a list with more columns than path and identity."""
    list_format = _format_of(path)
    return list_format is not None and bool(list_format.extra)


def _format_of(path: Path, root: Path | None = None) -> ListFormat | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        lines = file.read(_FIRST_LINE_BYTES).splitlines()
    try:
        texts = (line.decode("utf-8-sig") for line in lines)
        first = next((text for text in texts if text.strip()), "")
    except UnicodeDecodeError:
        return None
    return None if "\0" in first else _recognise(first, root or path.parent)


def _recognise(line: str, root: Path) -> ListFormat | None:
    """Return the format of a list whose paths end as images do, or else lead to images of other endings."""

    def is_image(cell: str) -> bool:
        path = UnicodePaths(root).find(cell)
        return has_image_ending(cell) or (_is_file(path) and is_image_file(Path(path)))

    return recognise(line) or recognise(line, is_image)


@dataclass(frozen=True)
class _Rows:
    """The cells of a list, by column.

    Attributes:
        paths: As written; large_string, (N,).
        identities: int64 or large_string, (N,).
        lines_N: Number of each line, from 1; int64.
        extra: The extra columns, large_string.
    """

    paths: "pa.Array"
    identities: "pa.Array"
    lines_N: np.ndarray
    extra: "pa.Table"

    def take(self, rows_U: np.ndarray) -> "_Rows":
        return _Rows(
            self.paths.take(rows_U), self.identities.take(rows_U), self.lines_N[rows_U], self.extra.take(rows_U)
        )


def _read_rows(path: Path, root: Path | None) -> _Rows:
    import pyarrow as pa

    list_format, lines = _open_list(path, root or path.parent)
    batches = []
    while block := list(islice(lines, _BLOCK_LINES)):
        batches.append(_read_block(block, list_format, path))
    table = pa.Table.from_batches(batches).combine_chunks()
    paths, identities, lines_N = (table.column(column).chunk(0) for column in range(3))
    return _Rows(paths, identities, lines_N.to_numpy(), table.select(range(3, table.num_columns)))


def _open_list(path: Path, root: Path) -> tuple[ListFormat, Iterator[tuple[int, str]]]:
    """Return the format of a list and its numbered lines, without the header."""
    lines = _read_lines(path)
    first = next(lines, None)
    if first is None:
        raise FembError(f"the list {path} is empty")
    list_format = _recognise(first[1], root)
    if list_format is None:
        raise FembError(
            f"line {first[0]} of {path} does not have the format of a list that femb reads: {first[1]!r}",
            hint="write 'path identity', where path ends as in a.jpg or leads to an image, or a table with the columns"
            " path and identity",
        )
    if list_format.has_header:
        check_header(list_format, path)
        first = next(lines, None)
        if first is None:
            raise FembError(f"the list {path} has a header and nothing below it")
    identity = split_line(*first, list_format, path)[list_format.identity]
    return with_identity_kind(list_format, identity), chain([first], lines)


def _read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line that is not blank."""
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
            f"line {number} of {path} is not UTF-8 text: {line[:80]!r}", hint="save the list as UTF-8"
        ) from error


def _read_block(block: list[tuple[int, str]], list_format: ListFormat, path: Path) -> "pa.RecordBatch":
    """Turn numbered lines into the columns path, identity, line number and the extra columns."""
    import pyarrow as pa

    columns = list(zip(*(split_line(*line, list_format, path) for line in block), strict=True))
    texts = {column: pa.array(columns[column], pa.large_string()) for column in (list_format.path, *list_format.extra)}
    names = columns[list_format.identity]
    if list_format.is_numbered:
        identities = pa.array([int(name.partition(".")[0]) for name in names], pa.int64())
    else:
        identities = pa.array(names, pa.large_string())
    numbers = pa.array([number for number, _ in block], pa.int64())
    return pa.record_batch(
        [texts[list_format.path], identities, numbers, *(texts[column] for column in list_format.extra)],
        names=["path", "identity", "line", *list_format.extra.values()],
    )


def _find_root(folder: Path, first: str) -> Path:
    """Return the folder that the paths start from: the list's, or the only one in it that contains the first image."""
    if _is_file(UnicodePaths(folder).find(first)):
        return folder
    fitting = [inner for inner in folder.iterdir() if _is_file(UnicodePaths(inner).find(first))]
    return fitting[0] if len(fitting) == 1 else folder


def _is_file(path: str) -> bool:
    """Whether `path` is a file; false also where access is denied."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file() raises PermissionError


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
    """Join paths as text: a `Path` for each of many millions of lines would take minutes."""
    start = os.path.abspath(root)  # noqa: PTH100 - resolve() would follow links
    return [os.path.normpath(os.path.join(start, path)) for path in paths]  # noqa: PTH118


def _first_mentions(names: "pa.Array", rows: _Rows, path: Path) -> np.ndarray:
    """Return the first row of each image, int64, (U,), ascending.

    Raises:
        FembError: A later row gives an image another identity.

    Warns:
        UserWarning: An image has more than one row.
    """
    encoded = names.dictionary_encode()
    if len(encoded.dictionary) == len(names):
        return np.arange(len(names))
    codes_N = encoded.indices.to_numpy()
    # Arrow numbers the names in the order of their first row, so rows_U ascends.
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


def _rows_in_two_forms(names: "pa.Array") -> frozenset[int]:
    """Return the rows of names that differ from another name in their Unicode form only."""
    import pyarrow.compute as pc

    if pc.all(pc.string_is_ascii(names)).as_py():
        return frozenset()
    codes_N = pc.utf8_normalize(names, form="NFC").dictionary_encode().indices.to_numpy()
    return frozenset(np.flatnonzero(np.bincount(codes_N)[codes_N] > 1).tolist())


def _with_numbers(extra: "pa.Table") -> "pa.Table":
    """Convert each column of text to int64 or float64, if all its cells are numbers."""
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
