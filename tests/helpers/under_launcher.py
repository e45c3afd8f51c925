"""Run femb in a process that was started together with others, as torchrun's processes are."""

import io
import os
import signal
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from femb_cli.cli.app import run
from femb_cli.runtime.ranks import rank, world_size
from femb_cli.runtime.signals import SIGNALS


def run_femb(place: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command in a directory, on every process of the group; return the exit code, stdout and stderr of this one.

    torchrun has set the environment variables before a process joins the group.
    """
    here, out, err = str(rank()), io.StringIO(), io.StringIO()
    environment = {"RANK": here, "LOCAL_RANK": here, "WORLD_SIZE": str(world_size()), "MASTER_ADDR": "localhost"}
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        with (
            patch.dict(os.environ, environment),
            patch("torch.distributed.destroy_process_group"),  # further commands need the group
            chdir(place),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = run(list(arguments))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return code, out.getvalue(), err.getvalue()
