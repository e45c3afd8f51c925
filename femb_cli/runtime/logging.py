"""femb's log: one logger for all modules; the main process prints its messages on stderr without a prefix."""

import logging
import sys

from femb_cli.runtime.ranks import is_main_process
from femb_cli.text import printable


class _PrintableFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def configure_logging(*, quiet: bool = False) -> None:
    """Print femb's log on stderr: everything on the main process, unless `quiet`, and warnings on all others."""
    logger = logging.getLogger("femb")
    logger.setLevel(logging.WARNING if quiet or not is_main_process() else logging.INFO)
    logger.propagate = False
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PrintableFormatter("%(message)s"))
    logger.addHandler(handler)
