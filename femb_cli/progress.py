"""The two callbacks by which long work reports to the command line: a count of what is done, and a line of text."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is in all (0 where that is not known)."""

Say = Callable[[str], None]
"""Called with one line of text for the user."""


def silent(text: str) -> None:
    """Say nothing."""
