"""Functions that the tests of the launcher run in processes of their own."""

import logging
import os

from femb_cli.errors import FembError


def describe_worker(text: str) -> dict[str, object]:
    """What a worker knows of itself; it logs a note and a warning."""
    logging.getLogger("femb").info(f"note {os.environ['RANK']}")
    logging.getLogger("femb").warning(f"warning {os.environ['RANK']}")
    import torch

    return {"text": text, "rank": os.environ["RANK"], "threads": torch.get_num_threads(), "pid": os.getpid()}


def refuse() -> None:
    """Fail in a way that the user can fix."""
    raise FembError("the disk is full", hint="make room")


def die() -> None:
    """End the second process without an error message."""
    if os.environ["RANK"] == "1":
        os._exit(7)
