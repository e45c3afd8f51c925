"""LFW's text format of a pair file, which XQLFW uses too.

The header is `folds<TAB>n`, or `n` for a list without folds. Each fold then has n genuine lines `name n1 n2` and n
impostor lines `name1 n1 name2 n2`. Image 7 of Ann_Veneman is `Ann_Veneman/Ann_Veneman_0007.jpg`.

RFW's lists have the same lines without a header, and others have them with commas below names of the columns. A pair is
then genuine if its line names one person.

Shape suffix: N pairs.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from femb_cli.evaluation.text_column import TextColumn
from femb_cli.evaluation.verification.folds import default_folds, numbered_from_zero
from femb_cli.evaluation.verification.pair_formats.line import NUMBER, damaged, inner_parts, shorten
from femb_cli.evaluation.verification.pair_formats.text_file import TextFile
from femb_cli.evaluation.verification.pairs import PairList


class _Header(NamedTuple):
    """What the first line says; `num_folds` is None if it gives no number of folds."""

    num_folds: int | None
    pairs_per_kind: int


def read_lfw_text(file: TextFile) -> PairList:
    """Read the pairs of a file in LFW's text format.

    Raises:
        FembError: if a line is damaged, or the header states another number of pairs.
    """
    header = _read_header(file)
    per_fold = 2 * header.pairs_per_kind
    places_N = np.arange(file.num_lines - 1)
    genuine_N = places_N % per_fold < header.pairs_per_kind
    left, right = _images(file.path, _checked_rows(file, genuine_N.tolist()))
    return PairList(
        left=left,
        right=right,
        genuine_N=genuine_N,
        folds_N=default_folds(genuine_N) if header.num_folds in (None, 1) else numbered_from_zero(places_N // per_fold),
        lines_N=np.arange(2, file.num_lines + 1, dtype=np.int32),
        path=file.path,
    )


def has_header(line: str) -> bool:
    """Whether the first line is LFW's header: one or two numbers."""
    fields = _columns(line)
    return len(fields) in (1, 2) and all(NUMBER.fullmatch(field) for field in fields)


def lines_of_people(file: TextFile) -> int | None:
    """Return how many lines above LFW's lines name the columns, 0 or 1; None if a file has no such lines."""
    for skipped, line in enumerate(islice(file, 2)):
        fields = _fields(line)
        if _is_pair(fields):
            last = {fields[-1] for fields in map(_fields, islice(file, skipped, None)) if fields}
            # Three columns of numbers are a table whose last column is a flag: images count from 1.
            return skipped if "0" not in last or not last <= {"0", "1"} else None
        if any(NUMBER.fullmatch(field) for field in fields):
            return None
    return None


def read_people_lines(file: TextFile, skipped: int, note: str) -> PairList:
    """Read LFW's lines without its header, as RFW has them.

    Args:
        file: the file.
        skipped: number of lines above that name the columns.
        note: how the file was understood.

    Raises:
        FembError: if a line is damaged.
    """
    genuine: list[bool] = []

    def rows() -> Iterator[tuple[int, list[str]]]:
        for number, line in enumerate(islice(file, skipped, None), start=1 + skipped):
            fields = _fields(line)
            if not _is_pair(fields):
                raise damaged(file.path, number, f"expected `name n1 n2` or `name1 n1 name2 n2`, found {shorten(line)}")
            genuine.append(len(fields) == 3 or fields[0] == fields[2])
            yield number, fields

    left, right = _images(file.path, rows())
    genuine_N = np.array(genuine, dtype=bool)
    return PairList(
        left=left,
        right=right,
        genuine_N=genuine_N,
        folds_N=default_folds(genuine_N),
        lines_N=np.arange(1 + skipped, file.num_lines + 1, dtype=np.int32),
        path=file.path,
        note=note,
    )


def lfw_image_name(person: str, number: int) -> str:
    """Return LFW's path of a person's image, such as `Ann_Veneman/Ann_Veneman_0007.jpg`."""
    return f"{person}/{person}_{number:04d}.jpg"


def _read_header(file: TextFile) -> _Header:
    """Read the first line, and check that it states as many pairs as there are lines below it."""
    path, line = file.path, file.samples[0]
    fields = _columns(line)
    if len(fields) not in (1, 2) or not all(NUMBER.fullmatch(field) for field in fields):
        raise damaged(path, 1, f"expected a header, found {shorten(line)}")
    *folds, pairs_per_kind = (int(field) for field in fields)
    stated_pairs = 2 * (folds[0] if folds else 1) * pairs_per_kind
    if stated_pairs == 0:
        raise damaged(path, 1, "the header announces no pairs")
    if stated_pairs != file.num_lines - 1:
        raise damaged(path, 1, f"{stated_pairs} pairs announced, {file.num_lines - 1} found")
    return _Header(folds[0] if folds else None, pairs_per_kind)


def _checked_rows(file: TextFile, genuine: Sequence[bool]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the columns of each line below the header; its place says whether the pair is genuine."""
    for number, line in enumerate(islice(file, 1, None), start=2):
        fields = _columns(line)
        if len(fields) != (3 if genuine[number - 2] else 4):
            kind = "a genuine pair (name n1 n2)" if genuine[number - 2] else "an impostor pair (name1 n1 name2 n2)"
            raise damaged(file.path, number, f"expected {kind}, found {len(fields)} columns: {shorten(line)}")
        yield number, fields


def _images(path: Path, rows: Iterable[tuple[int, Sequence[str]]]) -> tuple[TextColumn, TextColumn]:
    """The images of both sides, from the numbers and the columns of lines `name n1 n2` or `name1 n1 name2 n2`."""
    left, right = [], []
    for number, (left_person, left_image, *other, right_image) in rows:
        try:
            left.append(_image_name(left_person, left_image))
            right.append(_image_name(other[0] if other else left_person, right_image))
        except ValueError as error:
            raise damaged(path, number, str(error)) from error
    return TextColumn.of_both(left, right)


@lru_cache(maxsize=1 << 16)
def _image_name(person: str, image: str) -> str:
    """The path of an image, from the two columns that name it; raise ValueError if they name none."""
    if inner_parts(person) != (person,):
        raise ValueError(f"{shorten(person)} is not a person's name")
    if not NUMBER.fullmatch(image):
        raise ValueError(f"{shorten(image)} is not the number of an image")
    return lfw_image_name(person, int(image))


def _is_pair(fields: Sequence[str]) -> bool:
    """Whether the fields of a line are `name n1 n2` or `name1 n1 name2 n2`."""
    numbers = {3: fields[1:], 4: fields[1::2]}.get(len(fields), ())
    return bool(numbers) and all(NUMBER.fullmatch(field) for field in numbers)


def _fields(line: str) -> list[str]:
    """Split a line at its commas or semicolons, if it has any, and leave out empty cells at its end; or as `_columns`.

    The lists of LFW as CSV have three or four cells a line, and a fourth that is empty.
    """
    if "\t" in line or not re.search("[,;]", line):
        return _columns(line)
    return [field.strip() for field in re.split("[,;]", line.rstrip(" ,;"))]


def _columns(line: str) -> list[str]:
    """Split a line at its tabs, since a name may then hold spaces; at white space if it has no tabs."""
    line = line.strip()
    return [field.strip() for field in line.split("\t")] if "\t" in line else line.split()
