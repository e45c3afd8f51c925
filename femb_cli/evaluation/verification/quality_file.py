"""Read a file of image quality scores, and give the images of each pair their quality.

Shape suffixes: N pairs, I images.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_formats.lfw_text import lfw_image_name
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.text import lines_of

_XQLFW_HEADER = ["id", "num", "score"]


@dataclass(frozen=True, eq=False)
class QualityScores:
    """The quality of each image, as a file lists it; higher is better.

    Attributes:
        names: image paths (I,).
        values_I: float64, finite.
    """

    names: tuple[str, ...]
    values_I: NDArray[np.float64]


def read_quality_scores(path: Path) -> QualityScores:
    """Read a file with lines `name score`, or XQLFW's with lines `person number score` below `ID Num Score`.

    Raises:
        FembError: if the file cannot be read, or a line is damaged; the message names the line.
    """
    try:
        lines = lines_of(path.read_bytes().decode("utf-8-sig").rstrip()) or [""]
    except (OSError, UnicodeDecodeError) as error:
        raise FembError(f"cannot read the quality scores {path}: {error}", hint="check the path") from error
    xqlfw = lines[0].lower().split() == _XQLFW_HEADER
    first = 2 if xqlfw else 1
    rows = [_read_score(path, number, line, xqlfw) for number, line in enumerate(lines[first - 1 :], first)]
    return QualityScores(tuple(name for name, _ in rows), np.array([value for _, value in rows], dtype=np.float64))


def quality_of_images(scores: QualityScores, pairs: PairList) -> NDArray[np.float64]:
    """Return the quality of the left and of the right image of each pair, float64 (2, N).

    Raises:
        FembError: as `PairList.indices`: an image of a pair has no score, or several.
    """
    return scores.values_I[np.stack(pairs.indices(scores.names))]


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
