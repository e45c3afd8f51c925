"""Facts for the terminal: a name and its text beside it, wrapped to the width of a screen."""

import textwrap
from collections.abc import Mapping

SCREEN = 80
INDENT = 14


def format_facts(facts: Mapping[str, str]) -> str:
    """Format one entry below the other; an empty text is left out, and each line of a text is wrapped."""
    return "\n".join(_entry(name, text) for name, text in facts.items() if text)


def _entry(name: str, text: str) -> str:
    lines = [part for line in text.split("\n") for part in _wrap(line)]
    return f"{name.ljust(INDENT)} " + f"\n{' ' * (INDENT + 1)}".join(lines)


def _wrap(line: str) -> list[str]:
    return textwrap.wrap(line, SCREEN - INDENT - 1, break_long_words=False, break_on_hyphens=False)
