"""LFW's text format of a pair file, which XQLFW uses too.

The header is `folds<TAB>n`, or `n` for a list without folds. Each fold then has n genuine lines `name n1 n2` and n
impostor lines `name1 n1 name2 n2`. Image 7 of Ann_Veneman is `Ann_Veneman/Ann_Veneman_0007.jpg`.

RFW's lists have the same lines without a header, and others have them with commas below names of the columns. A pair is
then genuine if its line names one person.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from femb_cli.evaluation.verification.pair_formats.line import NUMBER, PairLine, damaged, inner_parts, shorten


class _Header(NamedTuple):
    """What the first line says; `num_folds` is None if it gives no number of folds."""

    num_folds: int | None
    pairs_per_kind: int


def read_lfw_text(path: Path, lines: Sequence[str]) -> list[PairLine]:
    """Read the pairs of a file in LFW's text format.

    Args:
        path: the file, for errors.
        lines: all of its lines, without line ends.

    Raises:
        FembError: if a line is damaged, or the header states another number of pairs.
    """
    header = _read_header(path, lines)
    return [_read_pair(path, index, line, header) for index, line in enumerate(lines[1:])]


def has_header(line: str) -> bool:
    """Whether the first line is LFW's header: one or two numbers."""
    fields = _columns(line)
    return len(fields) in (1, 2) and all(NUMBER.fullmatch(field) for field in fields)


def lines_of_people(lines: Sequence[str]) -> int | None:
    """Return how many lines above LFW's lines name the columns, 0 or 1; None if a file has no such lines."""
    for skipped, line in enumerate(lines[:2]):
        fields = _fields(line)
        if _is_pair(fields):
            last = {_fields(each)[-1] for each in lines[skipped:] if _fields(each)}
            # Three columns of numbers are a table whose last column is a flag: images count from 1.
            return skipped if "0" not in last or not last <= {"0", "1"} else None
        if any(NUMBER.fullmatch(field) for field in fields):
            return None
    return None


def read_people_lines(path: Path, lines: Sequence[str], skipped: int) -> list[PairLine]:
    """Read LFW's lines without its header, as RFW has them.

    Args:
        path: the file, for errors.
        lines: all of its lines, without line ends.
        skipped: number of lines above that name the columns.

    Raises:
        FembError: if a line is damaged.
    """
    pairs = []
    for number, line in enumerate(lines[skipped:], start=1 + skipped):
        fields = _fields(line)
        if not _is_pair(fields):
            raise damaged(path, number, f"expected `name n1 n2` or `name1 n1 name2 n2`, found {shorten(line)}")
        left_person, left_image, *other, right_image = fields
        right_person = other[0] if other else left_person
        left = _image_name(path, number, left_person, left_image)
        right = _image_name(path, number, right_person, right_image)
        pairs.append(PairLine(left, right, genuine=left_person == right_person, line=number))
    return pairs


def lfw_image_name(person: str, number: int) -> str:
    """Return LFW's path of a person's image, such as `Ann_Veneman/Ann_Veneman_0007.jpg`."""
    return f"{person}/{person}_{number:04d}.jpg"


def _read_header(path: Path, lines: Sequence[str]) -> _Header:
    """Read the first line, and check that it states as many pairs as there are lines below it."""
    fields = _columns(lines[0])
    if len(fields) not in (1, 2) or not all(NUMBER.fullmatch(field) for field in fields):
        raise damaged(path, 1, f"expected a header, found {shorten(lines[0])}")
    *folds, pairs_per_kind = (int(field) for field in fields)
    stated_pairs = 2 * (folds[0] if folds else 1) * pairs_per_kind
    if stated_pairs == 0:
        raise damaged(path, 1, "the header announces no pairs")
    if stated_pairs != len(lines) - 1:
        raise damaged(path, 1, f"{stated_pairs} pairs announced, {len(lines) - 1} found")
    return _Header(folds[0] if folds else None, pairs_per_kind)


def _read_pair(path: Path, index: int, line: str, header: _Header) -> PairLine:
    """Read one line; its place within the fold says whether the pair is genuine."""
    number, fields = index + 2, _columns(line)
    fold, place = divmod(index, 2 * header.pairs_per_kind)
    genuine = place < header.pairs_per_kind
    if len(fields) != (3 if genuine else 4):
        kind = "a genuine pair (name n1 n2)" if genuine else "an impostor pair (name1 n1 name2 n2)"
        raise damaged(path, number, f"expected {kind}, found {len(fields)} columns: {shorten(line)}")
    left_person, left_image, *right_person, right_image = fields
    return PairLine(
        left=_image_name(path, number, left_person, left_image),
        right=_image_name(path, number, right_person[0] if right_person else left_person, right_image),
        genuine=genuine,
        line=number,
        fold=None if header.num_folds in (None, 1) else fold,
    )


def _image_name(path: Path, line: int, person: str, image: str) -> str:
    """The checked path of an image, from the two columns that name it."""
    if inner_parts(person) != (person,):
        raise damaged(path, line, f"{shorten(person)} is not a person's name")
    if not NUMBER.fullmatch(image):
        raise damaged(path, line, f"{shorten(image)} is not the number of an image")
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
