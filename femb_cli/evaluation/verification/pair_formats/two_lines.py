"""Pairs of two lines each, as CALFW's and CPLFW's own lists have them.

Each line is `image label`, and both lines of a pair have the same label: 0 if they show two people, else 1, or the
number of one of ten folds. There is no header.

Zheng, Deng, Hu: Cross-Age LFW, 2017, https://arxiv.org/abs/1708.08197; Zheng, Deng: Cross-Pose LFW, 2018.

Shape suffix: N pairs.
"""

import re
from collections.abc import Iterator
from itertools import islice

import numpy as np

from femb_cli.evaluation.text_column import TextColumn
from femb_cli.evaluation.verification.folds import default_folds
from femb_cli.evaluation.verification.pair_formats.image_paths import ImagePaths
from femb_cli.evaluation.verification.pair_formats.line import damaged, shorten
from femb_cli.evaluation.verification.pair_formats.text_file import TextFile
from femb_cli.evaluation.verification.pairs import PairList

_IMAGE = re.compile(r".*\.[A-Za-z]{2,5}")
_LABEL = re.compile(r"[0-9]|10")  # larger numbers are those of people
_SAMPLES = 20
"""Lines at the beginning of a file that show whether it has this form."""


def has_two_lines(file: TextFile) -> bool:
    """Whether the first lines are an image and a label each, two lines in turn with the same label."""
    lines = [_fields(line) for line in islice(file, _SAMPLES)]
    if len(lines) < 2 or not all(_is_image(fields) for fields in lines):
        return False
    return all(one[1] == other[1] for one, other in zip(lines[::2], lines[1::2], strict=False))


def read_two_lines(file: TextFile, paths: ImagePaths) -> PairList:
    """Read the pairs of a file.

    Raises:
        FembError: if a line is damaged, or the two lines of a pair have different labels.
    """
    left, right, genuine = zip(*_pairs(file), strict=True)
    lines_N = np.arange(1, file.num_lines, 2, dtype=np.int32)
    left_column, right_column = paths.read(lines_N, *TextColumn.of_both(left, right))
    genuine_N = np.array(genuine, dtype=bool)
    return PairList(
        left=left_column,
        right=right_column,
        genuine_N=genuine_N,
        folds_N=default_folds(genuine_N),
        lines_N=lines_N,
        path=file.path,
        note="read as pairs of two lines, `image label` each: the label 0 is an impostor pair, any other a genuine one",
    )


def _pairs(file: TextFile) -> Iterator[tuple[str, str, bool]]:
    """Yield both images of each pair, and whether it is genuine."""
    lines = enumerate(file, start=1)
    for number, line in lines:
        left, label = _checked_fields(file, number, line)
        number, line = next(lines, (number, ""))
        if not line:
            raise damaged(file.path, number, "the second image of the last pair is missing")
        right, other = _checked_fields(file, number, line)
        if label != other:
            raise damaged(file.path, number, f"the label is {other}, and {label} on the pair's first line")
        yield left, right, label != "0"


def _checked_fields(file: TextFile, number: int, line: str) -> list[str]:
    fields = _fields(line)
    if not _is_image(fields):
        raise damaged(file.path, number, f"expected `image label`, the label from 0 to 10, found {shorten(line)}")
    return fields


def _fields(line: str) -> list[str]:
    """The name of an image, which may have spaces, and the label behind it."""
    return line.strip().rsplit(maxsplit=1)


def _is_image(fields: list[str]) -> bool:
    return len(fields) == 2 and bool(_IMAGE.fullmatch(fields[0]) and _LABEL.fullmatch(fields[1]))
