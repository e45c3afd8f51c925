"""femb's log: one logger for all modules; the main process prints its messages on stderr without a prefix.

At a terminal the messages stand above a live line, which is rewritten in place.
"""

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from femb_cli.runtime.ranks import is_main_process
from femb_cli.text import fit_columns, printable

COLUMNS = 80
"""Width of a line of the log, and of the live line in a wider terminal."""

_SPARE_COLUMNS = 3
"""Columns that the live line leaves free: the last one would make some terminals wrap, and Ctrl-C prints ^C."""

_ERASE_LINE = "\r\x1b[2K"


class _PrintableFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class _LogHandler(logging.StreamHandler[TextIO]):
    """Prints messages on stderr, above the live line if there is one.

    Args:
        live: whether a live line is shown.
    """

    def __init__(self, *, live: bool) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(_PrintableFormatter("%(message)s"))
        self.live, self.line = live, ""

    def emit(self, record: logging.LogRecord) -> None:
        line = self.line
        self.rewrite("")
        super().emit(record)
        self.rewrite(line)

    def rewrite(self, line: str) -> None:
        """Replace the live line; an empty one removes it."""
        if not self.live or line == self.line == "":
            return
        self.line = fit_columns(printable(line), live_columns())
        try:
            self.stream.write(_ERASE_LINE + self.line)
            self.flush()
        except OSError:  # the terminal is gone; the training goes on
            self.live = False


def configure_logging(*, quiet: bool = False, live: bool = True) -> None:
    """Print femb's log on stderr: everything on the main process, or only warnings if `quiet`; errors on all others.

    Most warnings are found by all processes alike, and are shown once.

    Args:
        quiet: print only warnings, and show no live line.
        live: show a live line, if a person is at the terminal.
    """
    logger = logging.getLogger("femb")
    logger.setLevel(logging.ERROR if not is_main_process() else logging.WARNING if quiet else logging.INFO)
    logger.propagate = False
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.addHandler(_LogHandler(live=live and _is_watched() and logger.isEnabledFor(logging.INFO)))


def live_columns() -> int:
    """Return the width of the live line."""
    return min(COLUMNS, shutil.get_terminal_size().columns) - _SPARE_COLUMNS


def show_live_line(line: str) -> None:
    """Rewrite the live line below the log; an empty one removes it. Without a terminal, nothing is shown."""
    for handler in _handlers():
        handler.acquire()
        try:
            handler.rewrite(line)
        finally:
            handler.release()


def shows_live_line() -> bool:
    """Whether a live line is shown: to a person at a terminal who has not asked for none."""
    return any(handler.live for handler in _handlers())


@contextmanager
def above_live_line() -> Iterator[None]:
    """Take the live line away while the `with` block prints on stderr."""
    lines = [handler.line for handler in _handlers()]
    show_live_line("")
    yield
    for handler, line in zip(_handlers(), lines, strict=True):
        handler.rewrite(line)


def begin_line() -> None:
    """Begin an empty line of the terminal: Ctrl-C leaves `^C` on the line where the cursor is."""
    if sys.stderr.isatty():
        sys.stderr.write(_ERASE_LINE if _is_watched() else "\n")


def _is_watched() -> bool:
    """Whether a person sees stderr, on a terminal that can rewrite a line."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("FEMB_NO_PROGRESS")


def _handlers() -> list[_LogHandler]:
    return [handler for handler in logging.getLogger("femb").handlers if isinstance(handler, _LogHandler)]
