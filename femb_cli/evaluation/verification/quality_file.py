"""Read a file of image quality scores, and give the images of each pair their quality.

Shape suffixes: N pairs, I images.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.quality import DiscardCurve, PartialArea, discard_curve, partial_area
from femb_cli.evaluation.verification.pair_formats.lfw_text import lfw_image_name
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.evaluation.verification.result import Verification
from femb_cli.text import cut, lines_of

_XQLFW_HEADER = ["id", "num", "score"]
_NAMES = ("name", "image", "path", "file", "filename", "file_name", "image_name", "image_path", "img", "sample")
_SCORES = ("quality", "score", "quality_score", "magnitude", "value", "q", "fiq")
_UNIT = 1e-3
"""Qualities that all differ less than this from 1 are magnitudes of normalised embeddings."""


@dataclass(frozen=True, eq=False)
class QualityScores:
    """The quality of each image, as a file lists it; higher is better.

    Attributes:
        names: image paths (I,).
        values_I: float64, finite.
        title: what to call this quality.
    """

    names: tuple[str, ...]
    values_I: NDArray[np.float64]
    title: str = ""


def read_quality_scores(path: Path) -> QualityScores:
    """Read a CSV with a header, lines `name score`, or XQLFW's lines `person number score` below `ID Num Score`.

    Raises:
        FembError: the file cannot be read, a line is damaged (the message names it), or the scores say nothing.
    """
    try:
        lines = lines_of(path.read_bytes().decode("utf-8-sig").rstrip()) or [""]
    except (OSError, UnicodeDecodeError) as error:
        raise FembError(f"cannot read the quality scores {path}: {error}", hint="check the path") from error
    xqlfw = lines[0].lower().split() == _XQLFW_HEADER
    if not xqlfw and (delimiter := _delimiter(lines[0])):
        rows = _read_table(path, lines, delimiter)
    else:
        first = 2 if xqlfw else 1
        rows = [_read_score(path, number, line, xqlfw) for number, line in enumerate(lines[first - 1 :], first)]
    values_I = np.array([value for _, value in rows], dtype=np.float64)
    _refuse_equal(path, values_I)
    return QualityScores(tuple(name for name, _ in rows), values_I, path.name)


def quality_of_images(scores: QualityScores, pairs: PairList) -> NDArray[np.float64]:
    """Return the quality of the left and of the right image of each pair, float64 (2, N).

    Raises:
        FembError: as `PairList.indices`: an image of a pair has no score, or several; or the pairs have no names.
    """
    if not pairs.left:
        raise FembError(
            f"{pairs.path} does not name the images, so that {scores.title} cannot give them a quality",
            hint="use a list of scores with the two images of each pair",
        )
    try:
        return scores.values_I[np.stack(pairs.indices(scores.names))]
    except FembError as error:
        raise FembError(f"{scores.title}: {error.message}", hint="give every image of the pairs one quality") from error


def discard_by(
    scores: QualityScores, result: Verification, *, fmr: float, limit: float
) -> tuple[DiscardCurve, PartialArea | None]:
    """Measure a verification's FNMR over the share of pairs that a quality discards, and the area below up to a limit.

    Returns:
        The curve, and the area; None if the curve ends before the limit.

    Raises:
        FembError: as `quality_of_images`.
    """
    quality_N = quality_of_images(scores, result.pairs).min(axis=0)
    curve = discard_curve(result.scores_N, result.genuine_N, quality_N, fmr=fmr)
    return curve, partial_area(curve, limit) if curve.discard_T[-1] >= limit else None


def _delimiter(line: str) -> str:
    """The sign between the columns of a table's first line; empty for columns that white space parts."""
    *_, last = line.split() or [""]
    if _number(last) is not None and not line.rstrip().removesuffix(last).rstrip().endswith((",", ";")):
        return ""
    return next((sign for sign in (",", ";", "\t") if sign in line), "")


def _read_table(path: Path, lines: Sequence[str], delimiter: str) -> list[tuple[str, float]]:
    """Name and score of each row of a table, with a header or without."""
    table = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    has_header = all(_number(cell) is None for cell in table[0]) or len(table[0]) > 2
    place_of_name, place_of_score = _places(path, table[0]) if has_header else (0, 1)
    rows = []
    for number, row in enumerate(table[has_header:], 1 + has_header):
        score = _number(row[place_of_score]) if len(row) == len(table[0]) else None
        if score is None or not row[place_of_name]:
            raise FembError(
                f"{path}, line {number}: expected the name of an image and a finite number, found"
                f" {cut(delimiter.join(row), 60)!r}",
                hint="a table of qualities has an image in each line; higher is better",
            )
        rows.append((row[place_of_name], score))
    return rows


def _places(path: Path, header: Sequence[str]) -> tuple[int, int]:
    """The columns of the image's name and of its quality.

    Raises:
        FembError: the header does not say which they are.
    """
    words = [cell.lower().replace(" ", "_") for cell in header]
    name = next((words.index(word) for word in _NAMES if word in words), None)
    score = next((words.index(word) for word in _SCORES if word in words), None)
    if len(header) == 2 and name is None:
        name = 1 - (1 if score is None else score)
    if len(header) == 2 and score is None and name is not None:
        score = 1 - name
    if name is None or score is None or name == score:
        raise FembError(
            f"{path} does not say which column is the image and which its quality: {cut(', '.join(header), 80)}",
            hint="call them `name` and `quality`",
        )
    return name, score


def _refuse_equal(path: Path, values_I: NDArray[np.float64]) -> None:
    """Refuse scores that order nothing.

    Raises:
        FembError: all are equal, or all are the length of normalised embeddings.
    """
    if len(values_I) < 2:
        return
    if np.abs(values_I - 1.0).max() <= _UNIT:
        raise FembError(
            f"every quality in {path} is 1: magnitudes of normalised embeddings say nothing about quality",
            hint="take the magnitudes before the embeddings are normalised, or another measure of quality",
        )
    if np.ptp(values_I) == 0.0:
        raise FembError(f"every quality in {path} is {values_I[0]:g}, so that none is lower than another")


def _number(text: str) -> float | None:
    """The finite number that a text is; None if it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _read_score(path: Path, number: int, line: str, xqlfw: bool) -> tuple[str, float]:
    """Name and score of one line; a name may hold spaces."""
    try:
        *words, score = line.rsplit(maxsplit=2 if xqlfw else 1)
        value = float(score)
        name = lfw_image_name(words[0], int(words[1])) if xqlfw else words[0].strip()
        if not math.isfinite(value):
            raise ValueError
    except (ValueError, IndexError):
        form = "`person number score`" if xqlfw else "`name score`"
        raise FembError(
            f"{path}, line {number}: expected {form}, found {line[:60]!r}",
            hint="a score file has one image a line: its name, white space, and a finite number; higher is better",
        ) from None
    return name, value
