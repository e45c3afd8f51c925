"""Functions that the tests of the launcher run in processes of their own."""

import errno
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from femb_cli.errors import FembError
from femb_cli.runtime.signals import Interrupted, StopRequests

if TYPE_CHECKING:
    from femb_cli.data.source import ImageSource

# Importing torch takes seconds: only the functions that need it do.


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
    from femb_cli.runtime.devices import join_process_group

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


def embed(source: "ImageSource", out: Path, fails_at: int, resume: bool) -> int:
    """Embed a source in chunks of two; the disk of the main process is full at the n-th chunk if it is not 0."""
    from linear_embedder import linear_embedder

    from femb_cli.inference import embed_to_file as module
    from femb_cli.inference.part_file import PartFile
    from femb_cli.runtime.devices import join_process_group

    def no_space(part: PartFile, rows, first: int) -> None:
        if first >= 2 * (fails_at - 1):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(part, rows, first)

    write = PartFile.write
    if fails_at:
        PartFile.write = no_space
    module.CHUNK = 2
    join_process_group("cpu")
    return len(module.embed_to_file(linear_embedder(), source, out, resume=resume).rows_ND)
