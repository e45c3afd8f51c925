"""Read scores from files of other programs, some megabytes at a time, so that memory holds little but the scores.

Shape suffix: N scores.
"""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.text_column import TextColumn, TextTable
from femb_cli.evaluation.verification.pair_formats.flags import SHOWN, flag_value, has_three_kinds
from femb_cli.evaluation.verification.pair_formats.layout import WHITE_SPACE, TableLayout, split_lines
from femb_cli.text import shown

MOST_NAMED = 1_000_000
"""With more scores than this, the names of the images are not kept: only intervals over subjects need them."""
_BLOCK_BYTES = 1 << 20
"""Arrow reads thirty blocks ahead."""
_BATCHES = 16
_MISSING = ("", "nan", "NaN", "NAN", "NA", "N/A", "null", "None")


def _no_images() -> tuple[TextColumn, TextColumn]:
    nothing = TextColumn.of(())
    return nothing, nothing


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """The scores of one file.

    Attributes:
        scores_N: float64, NaN where there is none.
        genuine_N: bool, whether each pair shows one person; None if the file does not say.
        fold_N: int64, as the file counts; None if it has no folds.
        images: name of the first and of the second image of each pair, in columns that share their values; empty if the
            file does not say, or has more scores than `MOST_NAMED`.
        subjects: who they show, in such columns; None if the file does not say, or has more scores.
    """

    scores_N: NDArray[np.float64]
    genuine_N: NDArray[np.bool_] | None
    fold_N: NDArray[np.int64] | None
    images: tuple[TextColumn, TextColumn] = field(default_factory=_no_images)
    subjects: tuple[TextColumn, TextColumn] | None = None


def read_score_table(path: Path, layout: TableLayout) -> ScoreTable:
    """Read all scores of a file.

    Args:
        path: the file.
        layout: its columns.

    Raises:
        FembError: a line is damaged; the message names it.
    """
    roles = layout.roles
    names = _Names.of(roles)
    scores: list[NDArray[np.float64]] = []
    genuine: list[NDArray[np.bool_]] = []
    folds: list[NDArray[np.int64]] = []
    flags: set[str] = set()
    count = 0
    try:
        for batch in _batches(path, layout):
            columns = {role: batch.column(f"{place}") for role, place in roles.items()}
            scores.append(_with_nan(columns["score"]))
            of_batch = _genuine(columns, flags)
            if of_batch is not None:
                genuine.append(of_batch)
            if "fold" in roles:
                if columns["fold"].null_count:
                    raise _BadCell
                folds.append(_numbers(pc.cast(columns["fold"], pa.int64())))
            count += len(batch)
            if count <= MOST_NAMED:
                names.add(columns)
            else:
                names = _Names()
    except (pa.ArrowException, _BadCell) as error:
        raise _damaged_line(path, layout) from error
    if not count:
        raise FembError(f"{path} has no scores")
    if has_three_kinds(flags):
        raise FembError(f"{path}: the flag is 0 in some lines and -1 in others")
    scores_N = np.concatenate(scores)
    if np.isinf(scores_N).any():
        row = int(np.isinf(scores_N).argmax())
        raise FembError(
            f"{path}: score {row + 1} (counted from 1) is {scores_N[row]}", hint="write nan for a pair without a score"
        )
    return ScoreTable(
        scores_N,
        np.concatenate(genuine) if genuine else None,
        np.concatenate(folds) if folds else None,
        names.sides("ref", "probe") or _no_images(),
        names.sides("ref_subject", "probe_subject"),
    )


class _BadCell(Exception):
    """A flag or a fold is none."""


def _batches(path: Path, layout: TableLayout) -> Iterator[pa.RecordBatch]:
    """Yield the columns that have a role, some megabytes of the file at a time."""
    kinds: dict[str, pa.DataType] = {"score": pa.float64(), "fold": pa.float64()}
    text = pa.dictionary(pa.int32(), pa.string())
    with path.open("rb") as file:
        is_csv = layout.delimiter != WHITE_SPACE
        content: Any = file if is_csv else io.BufferedReader(_TabsForSpaces(file), _BLOCK_BYTES)
        reader = pa_csv.open_csv(
            content,
            read_options=pa_csv.ReadOptions(
                column_names=[f"{place}" for place in range(len(layout.columns))],
                skip_rows=layout.header_lines,
                block_size=_BLOCK_BYTES,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=layout.delimiter if is_csv else "\t", quote_char='"' if is_csv else False
            ),
            convert_options=pa_csv.ConvertOptions(
                include_columns=[f"{place}" for place in layout.roles.values()],
                column_types={f"{place}": kinds.get(role, text) for role, place in layout.roles.items()},
                null_values=list(_MISSING),
                strings_can_be_null=False,
            ),
        )
        # Joined batches repeat fewer names.
        while batches := [*islice(reader, _BATCHES)]:
            yield from pa.Table.from_batches(batches).combine_chunks().to_batches()


class _TabsForSpaces(io.RawIOBase):
    """A file whose spaces, any number of them, are read as one tab; those at the ends of lines are left out."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file, self._rest = file, b""

    def readable(self) -> bool:
        """Whether the file can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes; return their number."""
        while not self._rest:
            lines = self._file.read(_BLOCK_BYTES) + self._file.readline()
            if not lines:
                return 0
            lines = re.sub(rb"[ \t]+", b"\t", lines)
            lines = lines.replace(b"\t\n", b"\n").replace(b"\t\r\n", b"\n").replace(b"\n\t", b"\n")
            self._rest = lines.removeprefix(b"\t")
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _genuine(columns: dict[str, Any], flags: set[str]) -> NDArray[np.bool_] | None:
    """Whether each pair of a batch shows one person; adds the spellings to `flags`."""
    role = next((role for role in ("impostor", "mated") if role in columns), None)
    if role is not None:
        words = columns[role].dictionary.to_pylist()
        values = [flag_value(word) for word in words]
        if None in values:
            if set(words) == {""}:
                return None
            raise _BadCell
        flags.update(words)
        is_genuine = np.array(values, dtype=bool) != (role == "impostor")
        return is_genuine[_numbers(columns[role].indices)]
    if "ref_subject" in columns and "probe_subject" in columns:
        left, right = (columns[role].dictionary_decode() for role in ("ref_subject", "probe_subject"))
        return _numbers(pc.cast(pc.equal(left, right), pa.uint8())).astype(bool)
    return None


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
        codes: the places of the names of each role, batch after batch.
    """

    tables: dict[str, TextTable] = field(default_factory=dict)
    codes: dict[str, list[NDArray[np.int32]]] = field(default_factory=dict)

    @classmethod
    def of(cls, roles: Mapping[str, int]) -> "_Names":
        images, people = TextTable(), TextTable()
        tables = {"ref": images, "probe": images, "ref_subject": people, "probe_subject": people}
        return cls(tables, {role: [] for role in tables if role in roles})

    def add(self, columns: Mapping[str, Any]) -> None:
        for role, codes in self.codes.items():
            places = self.tables[role].codes(columns[role].dictionary.to_pylist())
            codes.append(places[_numbers(columns[role].indices)])

    def sides(self, left: str, right: str) -> tuple[TextColumn, TextColumn] | None:
        if not (self.codes.get(left) and self.codes.get(right)):
            return None
        values = tuple(self.tables[left])
        one, other = (TextColumn(values, np.concatenate(self.codes[role])) for role in (left, right))
        return one, other


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
            float("nan" if cell in _MISSING else cell)
        except ValueError:
            return "expected a number, or nan for a pair without a score"
    return ""
