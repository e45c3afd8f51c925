"""femb's log: one logger for all modules, printed bare on stderr by the main process."""

import logging
import sys

from femb_cli.runtime.ranks import is_main_process


def configure_logging(*, quiet: bool = False) -> None:
    """Send femb's log to stderr, bare; the main process only."""
    logger = logging.getLogger("femb")
    logger.setLevel(logging.WARNING if quiet or not is_main_process() else logging.INFO)
    logger.propagate = False
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
