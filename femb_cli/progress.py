"""The callbacks through which a long computation reports to the command line."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Progress = Callable[[int, int], None]
"""Called with the amount done and the total; a total of 0 means that it is not known."""

ShowProgress = Callable[[str], AbstractContextManager[Progress | None]]
"""Takes what is done, such as `drawing faces`, and returns a context that shows the progress of it."""

Say = Callable[[str], None]
"""Called with one line of text for the user."""


def silent(text: str) -> None:
    """Ignore the text: the `Say` of a caller that prints nothing."""


def unseen(label: str) -> AbstractContextManager[None]:
    """Show no progress: the `ShowProgress` of a caller that prints nothing."""
    return nullcontext()


def in_kilobytes(progress: Progress | None) -> Progress | None:
    """Return a callback for bytes that reports kilobytes, which people read more easily."""
    return None if progress is None else lambda done, total: progress(done // 1000, -(-total // 1000))
