"""Read scores from files of other programs, some megabytes at a time, so that memory holds little but the scores.

Shape suffix: N scores.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.growing_array import GrowingArray
from femb_cli.evaluation.text_column import TextColumn, TextTable
from femb_cli.evaluation.verification.pair_formats.arrow import MISSING, TEXT, read_columns
from femb_cli.evaluation.verification.pair_formats.flags import SHOWN, flag_value, has_three_kinds
from femb_cli.evaluation.verification.pair_formats.layout import WHITE_SPACE, TableLayout, split_lines
from femb_cli.evaluation.verification.pair_formats.text_file import whole_lines
from femb_cli.text import shown

MOST_NAMED = 1_000_000
"""With more scores than this, the names of the images are not kept: only intervals over subjects need them."""
_BLOCK_BYTES = 1 << 20


def _no_images() -> tuple[TextColumn, TextColumn]:
    nothing = TextColumn.of(())
    return nothing, nothing


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """The scores of one file.

    Attributes:
        scores_N: float64, NaN where there is none.
        genuine_N: bool, whether each pair shows one person; None if the file does not say.
        fold_N: int32, as the file counts; None if it has no folds.
        images: name of the first and of the second image of each pair, in columns that share their values; empty if the
            file does not say, or if the names were not kept.
        subjects: who they show, in such columns; None if the file does not say, or if the names were not kept.
    """

    scores_N: NDArray[np.float64]
    genuine_N: NDArray[np.bool_] | None
    fold_N: NDArray[np.int32] | None
    images: tuple[TextColumn, TextColumn] = field(default_factory=_no_images)
    subjects: tuple[TextColumn, TextColumn] | None = None


def read_score_table(path: Path, layout: TableLayout, *, keep_names: bool = False) -> ScoreTable:
    """Read all scores of a file.

    Args:
        path: the file.
        layout: its columns.
        keep_names: keep the names of more than `MOST_NAMED` scores, too.

    Raises:
        FembError: a line is damaged; the message names it.
    """
    roles = layout.roles
    names = _Names.of(roles)
    scores, genuine, folds = GrowingArray(np.float64), GrowingArray(bool), GrowingArray(np.int32)
    flags: set[str] = set()
    try:
        for columns in _blocks(path, layout):
            scores.extend(_with_nan(columns["score"]))
            genuine.extend(_genuine(columns, flags))
            if "fold" in roles:
                if columns["fold"].null_count:
                    raise _BadCell
                folds.extend(_numbers(pc.cast(columns["fold"], pa.int32())))
            if keep_names or len(scores) <= MOST_NAMED:
                names.add(columns)
            else:
                names = _Names()
        if len(genuine) not in (0, len(scores)):
            raise _BadCell
    except (pa.ArrowException, _BadCell) as error:
        raise _damaged_line(path, layout) from error
    if not len(scores):
        raise FembError(f"{path} has no scores")
    if has_three_kinds(flags):
        raise FembError(f"{path}: the flag is 0 in some lines and -1 in others")
    scores_N = scores.array()
    if np.isinf(scores_N).any():
        row = int(np.isinf(scores_N).argmax())
        raise FembError(
            f"{path}: score {row + 1} (counted from 1) is {scores_N[row]}", hint="write nan for a pair without a score"
        )
    return ScoreTable(
        scores_N,
        genuine.array() if len(genuine) else None,
        folds.array() if len(folds) else None,
        names.sides("ref", "probe") or _no_images(),
        names.sides("ref_subject", "probe_subject"),
    )


class _BadCell(Exception):
    """A flag or a fold is none."""


def _blocks(path: Path, layout: TableLayout) -> Iterator[dict[str, pa.Array]]:
    """Yield the columns that have a role, about a megabyte of the file at a time."""
    kinds = {"score": pa.float64(), "fold": pa.float64()}
    types = {place: kinds.get(role, TEXT) for role, place in layout.roles.items()}
    with path.open("rb") as file:
        lines = (block for block in whole_lines(file, _BLOCK_BYTES) if block.strip())
        if layout.delimiter == WHITE_SPACE:
            columns = read_columns(map(_with_tabs, lines), layout, types, delimiter="\t", quote_char=False)
        else:
            columns = read_columns(lines, layout, types)
        for of_block in columns:
            yield {role: of_block[place] for role, place in layout.roles.items()}


def _with_tabs(lines: bytes) -> bytes:
    """Replace spaces between cells, any number of them, by one tab; leave out those around lines."""
    lines = re.sub(rb"[ \t]+", b"\t", lines)
    return lines.replace(b"\t\n", b"\n").replace(b"\t\r\n", b"\n").replace(b"\n\t", b"\n").removeprefix(b"\t")


def _genuine(columns: Mapping[str, Any], flags: set[str]) -> NDArray[np.bool_]:
    """Whether each pair of a block shows one person, empty if it does not say; adds the spellings to `flags`."""
    role = next((role for role in ("impostor", "mated") if role in columns), None)
    if role is not None:
        words = columns[role].dictionary.to_pylist()
        values = [flag_value(word) for word in words]
        if None in values:
            if set(words) == {""}:
                return np.empty(0, dtype=bool)
            raise _BadCell
        flags.update(words)
        is_genuine = np.array(values, dtype=bool) != (role == "impostor")
        return is_genuine[_numbers(columns[role].indices)]
    if "ref_subject" in columns and "probe_subject" in columns:
        left, right = (columns[role].dictionary_decode() for role in ("ref_subject", "probe_subject"))
        return _numbers(pc.cast(pc.equal(left, right), pa.uint8())).astype(bool)
    return np.empty(0, dtype=bool)


def _with_nan(array: pa.Array) -> NDArray[np.float64]:
    """An array of float64 as NumPy's, with NaN where there is no number."""
    values = np.frombuffer(array.buffers()[1], dtype=np.float64)[array.offset : array.offset + len(array)].copy()
    if array.null_count:
        values[_numbers(pc.cast(pc.is_null(array), pa.uint8())).astype(bool)] = np.nan
    return values


def _numbers(array: pa.Array) -> NDArray[Any]:
    """An array of numbers as NumPy's; `Array.to_numpy` would import pandas, which takes longer than the file."""
    return np.from_dlpack(array)


@dataclass(frozen=True, eq=False)
class _Names:
    """The names of images and people that were read so far.

    Attributes:
        tables: the different names of each role; both images share theirs, and so do both people.
        codes: the places of the names of each role.
    """

    tables: dict[str, TextTable] = field(default_factory=dict)
    codes: dict[str, GrowingArray] = field(default_factory=dict)

    @classmethod
    def of(cls, roles: Mapping[str, int]) -> "_Names":
        images, people = TextTable(), TextTable()
        tables = {"ref": images, "probe": images, "ref_subject": people, "probe_subject": people}
        return cls(tables, {role: GrowingArray(np.int32) for role in tables if role in roles})

    def add(self, columns: Mapping[str, Any]) -> None:
        for role, codes in self.codes.items():
            places = self.tables[role].codes(columns[role].dictionary.to_pylist())
            codes.extend(places[_numbers(columns[role].indices)])

    def sides(self, left: str, right: str) -> tuple[TextColumn, TextColumn] | None:
        if not {left, right} <= self.codes.keys():
            return None
        values = tuple(self.tables[left])
        return TextColumn(values, self.codes[left].array()), TextColumn(values, self.codes[right].array())


def _damaged_line(path: Path, layout: TableLayout) -> FembError:
    """Find the first line that is damaged, and return its error."""
    roles = {place: role for role, place in layout.roles.items()}
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for number, line in enumerate(file, start=1):
            if number <= layout.header_lines or not line.strip():
                continue
            (cells,) = split_lines([line.strip("\r\n")], layout.delimiter)
            if len(cells) != len(layout.columns):
                return FembError(f"{path}, line {number}: expected {len(layout.columns)} columns, found {len(cells)}")
            for place, cell in enumerate(cells):
                problem = _problem(roles.get(place, ""), cell)
                if problem:
                    return FembError(
                        f"{path}, line {number}: `{layout.columns[place]}` is {shown(cell)}, {problem}",
                        hint="--columns score=COLUMN,mated=COLUMN names the columns",
                    )
    return FembError(f"{path} is damaged", hint="scores are read from text files, such as CSV")


def _problem(role: str, cell: str) -> str:
    """What is wrong with a cell; empty if it is sound."""
    if role in ("mated", "impostor"):
        return "" if flag_value(cell) is not None else f"expected {SHOWN}"
    if role == "fold":
        return "" if re.fullmatch(r"[0-9]{1,9}(\.0*)?", cell) else "expected a whole number, 0 or higher"
    if role == "score":
        try:
            float("nan" if cell in MISSING else cell)
        except ValueError:
            return "expected a number, or nan for a pair without a score"
    return ""
