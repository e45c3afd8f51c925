"""The two callbacks through which a long computation reports to the command line."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with the amount done and the total; a total of 0 means that it is not known."""

Say = Callable[[str], None]
"""Called with one line of text for the user."""


def silent(text: str) -> None:
    """Ignore the text: the `Say` of a caller that prints nothing."""
