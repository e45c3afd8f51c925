"""Run a function on several processes of this machine, or in the current process.

Under `accelerate launch` or `torchrun` the processes exist already, and each of them runs the function itself.
"""

import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from femb_cli.errors import FembError
from femb_cli.runtime.allocator import keep_freed_memory
from femb_cli.runtime.logging import configure_logging
from femb_cli.runtime.ranks import inside_launcher, is_main_process


def launch(function: Callable[..., Any], processes: int, *arguments: Any) -> Any:
    """Run `function(*arguments)` on `processes` processes and return the result of the main process.

    With several processes, the function, its arguments and its result must be picklable. The main process has
    the log level of this one.

    Raises:
        FembError: the function raised it in one of the processes, or a process died.
        KeyboardInterrupt: the user interrupted.
    """
    if processes == 1 or inside_launcher():
        return function(*arguments)
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    for library in ("torch.distributed.elastic", "torch.multiprocessing"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    threads = max(1, (os.cpu_count() or 1) // processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    quiet = not logging.getLogger("femb").isEnabledFor(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="femb-") as directory:
        failure = Path(directory) / "failure.json"
        try:
            return elastic_launch(_launch_config(processes), _run_in_worker)(function, arguments, failure, quiet)[0]
        except ChildFailedError as error:
            raise _explain(error, failure) from error
        except SignalException as error:
            if error.sigval == signal.SIGINT:
                raise KeyboardInterrupt from error
            raise


def on_main_process(function: Callable[[], Any], device: str | None) -> Any:
    """Call `function` on the main process and return its result on every process of a launcher.

    Args:
        function: called without arguments; its result must be picklable.
        device: `cpu`, or None for a GPU if there is one; decides how the processes communicate.

    Raises:
        FembError: `function` raised it; it is raised on every process.
    """
    if not inside_launcher():
        return function()
    from accelerate.utils import broadcast_object_list

    from femb_cli.runtime.devices import join_process_group

    join_process_group(device)
    outcome: list[Any] = [None]
    if is_main_process():
        try:
            outcome = [function()]
        except FembError as error:
            outcome = [error]
    broadcast_object_list(outcome)
    if isinstance(outcome[0], FembError):
        raise outcome[0]
    return outcome[0]


def _launch_config(processes: int) -> Any:
    """Configure torch's launcher for processes of this machine only."""
    from torch.distributed.launcher.api import LaunchConfig

    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=f"femb-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.2,
    )


def _run_in_worker(function: Callable[..., Any], arguments: tuple[Any, ...], failure: Path, quiet: bool) -> Any:
    """Set up a worker process and run the function; write a FembError into the file `failure`.

    If the exception reached the launcher, it would print a report of thirty lines.
    """
    import torch

    configure_logging(quiet=quiet)
    keep_freed_memory()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    try:
        return function(*arguments)
    except FembError as error:
        if not failure.exists():
            failure.write_text(json.dumps([error.message, error.hint]), encoding="utf-8")
        sys.exit(1)


def _explain(error: Any, failure: Path) -> FembError:
    """Return the FembError that a worker wrote, or else one with the rank of the process that died."""
    if failure.exists():
        message, hint = json.loads(failure.read_text(encoding="utf-8"))
        return FembError(message, hint=hint)
    rank, first = error.get_first_failure()
    return FembError(f"process {rank} failed: {first.message}")
