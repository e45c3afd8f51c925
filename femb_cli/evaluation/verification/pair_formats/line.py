"""The checks and errors of a line of a pair file that both formats share."""

import re
from pathlib import Path, PureWindowsPath

from femb_cli.errors import FembError

NUMBER = re.compile(r"[0-9]{1,9}")
WHOLE_NUMBER = re.compile(r"[0-9]{1,9}(?:\.0*)?")
_MOST_CHARACTERS = 60


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
        hint="give LFW's format, or a table of ref, probe, mated; --columns names others",
    )
