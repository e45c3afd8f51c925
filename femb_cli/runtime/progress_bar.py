"""A progress bar: the live line below the log says what is done, how much of it, and how long the rest takes."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from femb_cli.progress import Progress
from femb_cli.runtime.logging import live_columns, show_live_line, shows_live_line
from femb_cli.text import columns_of, fit_columns, printable

SECONDS_BETWEEN = 0.1
"""Between two drawings of a bar."""

_MOST_CELLS, _FEWEST_CELLS = 40, 8
"""Length of the bar."""

_GAP = "  "


@contextmanager
def progress_bar(label: str) -> Iterator[Progress | None]:
    """Show what is done while the `with` block runs, as a bar from the first progress on until all is done.

    Args:
        label: what is done, such as `drawing faces`.

    Yields:
        The function that moves the bar; None where no live line is shown.
    """
    if not shows_live_line():
        yield None
        return
    label = " ".join(printable(label).split())
    first: tuple[float, int] | None = None
    drawn = float("-inf")

    def move(done: int, total: int) -> None:
        nonlocal first, drawn
        now = time.monotonic()
        first = first or (now, done)
        if done == total:
            show_live_line("")
        elif now - drawn >= SECONDS_BETWEEN:
            drawn = now
            show_live_line(format_bar(label, done, total, _seconds_left(done, total, now - first[0], done - first[1])))

    try:
        show_live_line(f"{label} ...")
        yield move
    finally:
        show_live_line("")


def format_bar(label: str, done: int, total: int, seconds_left: float | None) -> str:
    """Return the bar as one line of the live line's width.

    Args:
        label: what is done.
        done: the amount done.
        total: the total; 0 if it is not known, and then there are no bar and no time.
        seconds_left: how long the rest takes; None if that is not known.
    """
    if not total:
        return f"{label}{_GAP}{done:,}"
    left = [] if seconds_left is None else [str(timedelta(seconds=round(seconds_left)))]
    numbers = _GAP.join([f"{done:,} of {total:,}", *left])
    room = live_columns() - len(numbers) - 2 * len(_GAP)
    if columns_of(label) > room - _FEWEST_CELLS:
        label = fit_columns(label, room - _FEWEST_CELLS - 3) + "..."
    cells = max(0, min(_MOST_CELLS, room - columns_of(label)))
    filled = cells * min(done, total) // total
    full, empty = "━─" if (sys.stderr.encoding or "").lower().startswith("utf") else "#-"
    return _GAP.join([label, full * filled + empty * (cells - filled), numbers])


def _seconds_left(done: int, total: int, seconds: float, done_in_them: int) -> float | None:
    return seconds / done_in_them * (total - done) if seconds > 0 and done_in_them > 0 else None
