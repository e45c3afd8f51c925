"""Images named by a list: a text file with a path and an identity on each line, or JSON lines.

Shapes: N lines, U distinct images, R lines that repeat an image.
"""

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from femb_cli.data.files.folder import common_folder, read_file
from femb_cli.data.files.images_among_files import is_image_file
from femb_cli.data.files.list_format import ListFormat, check_header, recognise, split_line
from femb_cli.data.files.list_paths import find_images, is_file
from femb_cli.data.files.naming import check_text, has_image_ending
from femb_cli.data.files.unicode_paths import UnicodePaths
from femb_cli.data.identities import FoundPeople, identities_from_values
from femb_cli.data.person_columns import choose_person_column
from femb_cli.data.read_as import AS_FOUND, ReadAs
from femb_cli.data.source import ComputedNames
from femb_cli.errors import FembError
from femb_cli.text import other_encoding

if TYPE_CHECKING:
    import pyarrow as pa

_ABSOLUTE_OR_CLIMBING = r"^/|(^|/)\.\.(/|$)"
_FIRST_BYTES = 2**16
_FIRST_LINES = 20
_BLOCK_LINES = 2**16
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
_IDENTITY_NUMBER = r"^[0-9]{1,18}(\.0*)?$"
_NOT_TEXT = r"[\x00-\x1f\x7f-\x{9f}]"


class ListFileSource:
    """The images that a list names, in its order, and their identities.

    Identities that are numbers are sorted as numbers, others by code point. Relative paths start from `root`. Without
    `root` they start from the list's folder, or from the only folder in it that contains the first image; `PathForm`
    says in which other forms paths are found. `names` are the paths, if all are relative and none contains '..';
    otherwise they are relative to the deepest folder that contains all images.

    Opening a list does not check that its images exist. A file whose name has another Unicode form than in the list is
    found, unless the list names both forms: then each is an image of its own.

    Args:
        path: The list.
        root: The folder that relative paths start from.
        read_as: The columns that the user names.

    Attributes:
        found: Who is on the images, and what femb guessed of it.
        keys_N: The number that each line begins with, int64; None if it does not.

    Raises:
        FembError: The list cannot be read or has an unknown format; or a line has another format than the first, names
            no identity, or gives an image another identity than an earlier line.

    Warns:
        UserWarning: The list names an image more than once; only its first line counts.
    """

    kind = "list"

    def __init__(self, path: str | Path, root: Path | None = None, read_as: ReadAs = AS_FOUND) -> None:
        self.path = Path(path)
        self._given = root, read_as
        rows = _read_rows(self.path, root, read_as)
        self.root, form = find_images(self.path.parent, root, rows.paths[0].as_py())
        rows = replace(rows, paths=form.of_all(rows.paths))
        self._files = UnicodePaths(self.root)
        names = _names_of(rows.paths, self.root)
        rows_U = _first_mentions(names, rows, self.path)
        if len(rows_U) < len(names):
            names, rows = names.take(rows_U), rows.take(rows_U)
        self._names, self._paths, self._lines_N = names, rows.paths, rows.lines_N
        self._twins = _rows_in_two_forms(names)
        self._extra = _with_numbers(rows.extra)
        self.keys_N = rows.keys_N
        self.described_columns = rows.described
        self.identities = None if rows.identities is None else identities_from_values(rows.identities)
        self.found = FoundPeople(self.identities, "; ".join(filter(None, (rows.guess, form.guess))))

    def __len__(self) -> int:
        return len(self._names)

    def __reduce__(self) -> tuple[type["ListFileSource"], tuple[Path, Path | None, ReadAs]]:
        return ListFileSource, (self.path, *self._given)

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


def is_list_file(path: Path, root: Path | None = None, read_as: ReadAs = AS_FOUND) -> bool:
    """Whether `path` is a text file, and its first lines have a format that femb knows.

    Args:
        path: The file.
        root: The folder that relative paths in it start from; None for its own.
        read_as: The columns that the user names.

    Raises:
        FembError: The list lacks a column that the user names.
    """
    return _format_of(path, root, read_as) is not None


def has_extra_columns(path: Path) -> bool:
    """Whether `path` is a list with more columns than path and identity."""
    list_format = _format_of(path)
    return list_format is not None and len(list_format.others) > 1


def _format_of(path: Path, root: Path | None = None, read_as: ReadAs = AS_FOUND) -> ListFormat | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(_FIRST_BYTES)
    lines = start.splitlines()
    if len(start) == _FIRST_BYTES and len(lines) > 1:
        lines = lines[:-1]  # the last one is cut
    try:
        texts = [line.decode("utf-8-sig") for line in lines]
    except UnicodeDecodeError:
        return None
    first = [text for text in texts if text.strip() and not _is_comment(text)][:_FIRST_LINES]
    return None if not first or "\0" in first[0] else _recognise(first, root or path.parent, read_as)


def _recognise(lines: Sequence[str], root: Path, read_as: ReadAs) -> ListFormat | None:
    """Return the format of a list whose paths end as images do, or else lead to images of other endings."""

    def exists(cell: str) -> bool:
        return cell != "" and is_file(_found(root, cell))

    def is_image(cell: str) -> bool:
        path = _found(root, cell) if cell else ""
        return has_image_ending(cell) or (is_file(path) and is_image_file(Path(path)))

    return recognise(lines, has_image_ending, exists, read_as) or recognise(lines, is_image, exists, read_as)


def _found(root: Path, cell: str) -> str:
    """Return where the image of a cell is, in whatever form the cell writes its path."""
    place, form = find_images(root, None, cell)
    return UnicodePaths(place).find(form.of(cell))


def _is_comment(line: str) -> bool:
    """Whether a line starts with '#' and names no image: a file may be called #1.jpg."""
    text = line.lstrip()
    return text.startswith("#") and (text[1:2].isspace() or not any(map(has_image_ending, re.split(r"[\s,;]+", text))))


@dataclass(frozen=True)
class _Rows:
    """The cells of a list, by column.

    Attributes:
        paths: As written; large_string, (N,).
        identities: int64 or large_string, (N,); None if no column says who is on an image.
        lines_N: Number of each line, from 1; int64.
        extra: The extra columns, large_string.
        described: The names of all columns, for error messages.
        guess: Which column femb took for people, where others could be meant; else empty.
        keys_N: The number that each line begins with, int64; None if it does not.
    """

    paths: "pa.Array"
    identities: "pa.Array | None"
    lines_N: np.ndarray
    extra: "pa.Table"
    described: str
    guess: str
    keys_N: np.ndarray | None

    def take(self, rows_U: np.ndarray) -> "_Rows":
        return replace(
            self,
            paths=self.paths.take(rows_U),
            identities=None if self.identities is None else self.identities.take(rows_U),
            lines_N=self.lines_N[rows_U],
            extra=self.extra.take(rows_U),
            keys_N=None if self.keys_N is None else self.keys_N[rows_U],
        )


def _read_rows(path: Path, root: Path | None, read_as: ReadAs) -> _Rows:
    import pyarrow as pa

    list_format, lines = _open_list(path, root or path.parent, read_as)
    batches = []
    while block := list(islice(lines, _BLOCK_LINES)):
        batches.append(_read_block(block, list_format, path))
    table = pa.Table.from_batches(batches).combine_chunks()
    lines_N = table.column(len(list_format.columns)).to_numpy()
    names, people = list_format.columns, list_format.people
    candidates = {names[column]: table.column(column) for column in people}
    chosen, guess = choose_person_column(candidates) if people else (None, "")
    label = next((column for column in people if names[column] == chosen), None)
    values = None if label is None else table.column(label).chunk(0)
    extra = [column for column in list_format.others if column != label]
    check_header([names[column] for column in extra], path)
    return _Rows(
        table.column(list_format.path).chunk(0),
        None if values is None else _identity_values(values, lines_N, path, is_numbered=list_format.is_numbered),
        lines_N,
        table.select(extra).rename_columns([names[column] for column in extra]),
        ", ".join(names),
        guess,
        _keys(table.column(list_format.keys[0])) if list_format.keys else None,
    )


def _keys(column: "pa.ChunkedArray") -> np.ndarray | None:
    """Return the numbers of lines, int64; None if one is none."""
    import pyarrow as pa

    try:
        return column.cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return None


def _open_list(path: Path, root: Path, read_as: ReadAs) -> tuple[ListFormat, Iterator[tuple[int, str]]]:
    """Return the format of a list and its numbered lines, without the header."""
    lines = _read_lines(path)
    first = list(islice(lines, _FIRST_LINES))
    if not first:
        raise FembError(f"the list {path} is empty")
    list_format = _recognise([text for _, text in first], root, read_as)
    if list_format is None:
        raise FembError(
            f"line {first[0][0]} of {path} does not have the format of a list that femb reads: {first[0][1]!r}",
            hint="write 'path identity', where path ends as in a.jpg or leads to an image, or a table with the columns"
            " path and identity",
        )
    if list_format.has_header and len(first) == 1:
        raise FembError(f"the list {path} has a header and nothing below it")
    return list_format, chain(first[list_format.has_header :], lines)


def _read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line that is not blank."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                if text.strip() and not _is_comment(text):
                    yield number, text
    except OSError as error:
        raise FembError(f"cannot read the list {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        _, hint = other_encoding(line) or ("", "save the list as UTF-8")
        raise FembError(f"line {number} of {path} is not UTF-8 text: {line[:80]!r}", hint=hint) from error


def _read_block(block: list[tuple[int, str]], list_format: ListFormat, path: Path) -> "pa.RecordBatch":
    """Turn numbered lines into the columns of the list, large_string, and the number of each line, int64."""
    import pyarrow as pa

    cells = zip(*(split_line(*line, list_format, path) for line in block), strict=True)
    columns = [pa.array(column, pa.large_string()) for column in cells]
    numbers = pa.array([number for number, _ in block], pa.int64())
    return pa.record_batch([*columns, numbers], names=[str(place) for place in range(len(columns) + 1)])


def _identity_values(
    values: "pa.LargeStringArray", lines_N: np.ndarray, path: Path, *, is_numbered: bool
) -> "pa.Array":
    """Return the identities of lines: int64 if the first is a number, else large_string.

    Raises:
        FembError: An identity is missing, is not valid text, or is no number although the first is one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    def refuse_first(is_bad: "pa.BooleanArray", reason: str, hint: str | None = None) -> None:
        if pc.any(is_bad).as_py():
            row = pc.index(is_bad, True).as_py()
            place, value = f"line {lines_N[row]} of {path}", values[row].as_py()
            check_text(value, place)
            raise FembError(f"{place} {reason.format(value=value)}", hint=hint)

    refuse_first(pc.equal(values, ""), "lacks a path or an identity")
    refuse_first(pc.match_substring_regex(values, _NOT_TEXT), "has the identity {value!r}")
    if not is_numbered and not _NUMBER.fullmatch(values[0].as_py()):
        return values
    refuse_first(
        pc.invert(pc.match_substring_regex(values, _IDENTITY_NUMBER)),
        "has the identity {value!r}, which is not a whole number from 0 up",
        "if the first identity is a number, all must be numbers",
    )
    return pc.replace_substring_regex(values, r"\..*", "").cast(pa.int64())


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
        if rows.identities is not None and rows.identities[again] != rows.identities[first]:
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
