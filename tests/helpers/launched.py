"""Functions that the tests of the launcher run in processes of their own."""

import logging
import os
import time
from pathlib import Path

from femb_cli.errors import FembError
from femb_cli.runtime.devices import join_process_group
from femb_cli.runtime.signals import Interrupted, StopRequests


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


def stop_when_asked(signal_number: int) -> None:
    """Have the launcher sent a signal by the second process; stop at the step on which all processes agree."""
    with StopRequests() as stop:
        join_process_group("cpu")
        for step in range(10**6):
            if step == 3 and os.environ["RANK"] == "1":
                os.kill(os.getppid(), signal_number)
            if number := stop.agreed():
                raise Interrupted(number, f"stopped at step {step}")
            time.sleep(0.01)


def wait_forever(mark: str) -> None:
    """Write the number of this process into a file and sleep."""
    Path(mark, os.environ["RANK"]).write_text(str(os.getpid()))
    time.sleep(600)
