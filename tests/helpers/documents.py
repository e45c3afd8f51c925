"""The project's pages, and the commands and links in them."""

import re
import shlex
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for folder in (".", "docs", "benchmarks", "fuzzing") for page in (ROOT / folder).glob("*.md"))

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def commands_of(page: Path, program: str = "femb") -> list[tuple[str, ...]]:
    """The arguments of every call of a program in the indented blocks of a page, in its order, each once."""
    lines = [line for line in _FENCED.sub("", page.read_text(encoding="utf-8")).splitlines() if line.startswith("    ")]
    commands = [tuple(command) for line in lines if "[OPTIONS]" not in line for command in _split(line)]
    return list(dict.fromkeys(command[1:] for command in commands if command[0] == program))


def python_blocks(page: Path) -> list[str]:
    """The fenced blocks of Python of a page."""
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures."""
    return _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """What a link may name behind `#`, as GitHub makes it of the headings."""
    headings = _HEADING.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _split(line: str) -> list[list[str]]:
    """The commands of a line of the shell, which `&&` or `|` may join."""
    words = shlex.split(line, comments=True)
    return [list(words) for joins, words in groupby(words, lambda word: word in ("&&", "|")) if not joins]
