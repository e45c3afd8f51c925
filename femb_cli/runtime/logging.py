"""femb's log: one logger for all modules; the main process prints its messages on stderr without a prefix.

At a terminal the messages stand above a live line, which is rewritten in place.
"""

import logging
import os
import shutil
import sys
from typing import TextIO

from femb_cli.runtime.ranks import is_main_process
from femb_cli.text import printable

COLUMNS = 80
"""Width of a line of the log, and of the live line in a wider terminal."""

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
        width = min(COLUMNS, shutil.get_terminal_size().columns)
        self.line = printable(line)[: width - 1]  # the last column would make some terminals wrap
        try:
            self.stream.write(_ERASE_LINE + self.line)
            self.flush()
        except OSError:  # the terminal is gone; the training goes on
            self.live = False


def configure_logging(*, quiet: bool = False) -> None:
    """Print femb's log on stderr: everything on the main process, or only warnings if `quiet`; errors on all others.

    Most warnings are found by all processes alike, and are shown once.
    """
    logger = logging.getLogger("femb")
    logger.setLevel(logging.ERROR if not is_main_process() else logging.WARNING if quiet else logging.INFO)
    logger.propagate = False
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    is_watched = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("FEMB_NO_PROGRESS")
    logger.addHandler(_LogHandler(live=is_watched and logger.isEnabledFor(logging.INFO)))


def show_live_line(line: str) -> None:
    """Rewrite the live line below the log; an empty one removes it. Without a terminal, nothing is shown."""
    for handler in logging.getLogger("femb").handlers:
        if isinstance(handler, _LogHandler):
            handler.acquire()
            try:
                handler.rewrite(line)
            finally:
                handler.release()
