"""One line of a pair file, and the checks and errors that both formats share."""

import re
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from femb_cli.errors import FembError

NUMBER = re.compile(r"[0-9]{1,9}")
WHOLE_NUMBER = re.compile(r"[0-9]{1,9}(?:\.0*)?")
_MOST_CHARACTERS = 60


class PairLine(NamedTuple):
    """One pair.

    Attributes:
        left: path of the first image, relative to the folder of the images.
        right: path of the second image.
        genuine: whether both images show the same person.
        line: number of the line, counted from 1.
        fold: fold of the pair, as the file counts; None if the file has no folds.
        subjects: who the left and the right image show; None if the file does not say.
    """

    left: str
    right: str
    genuine: bool
    line: int
    fold: int | None = None
    subjects: tuple[str, str] | None = None


def inner_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a relative path; an empty tuple if it leaves its folder on some operating system."""
    # Windows' rules cover both kinds of slashes and drive letters.
    path = PureWindowsPath(name)
    leaves_folder = path.drive or path.root or ".." in path.parts or "\0" in name
    return () if leaves_folder else path.parts


def shorten(text: str) -> str:
    """Return text of a file in quotes, cut to a length that fits into a message."""
    return repr(text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}...")


def damaged(path: Path, line: int, problem: str) -> FembError:
    """Return the error for a damaged line of a pair file."""
    return FembError(
        f"{path}, line {line}: {problem}",
        hint="a pair file is LFW's text format (header `folds n`, then n genuine and n impostor lines for each fold) "
        "or a table such as CSV with the columns ref, probe and mated, and optionally fold; --columns names others",
    )
