"""Starting a function on several processes of this machine, or just here.

Under `accelerate launch` or `torchrun` the processes are there already, and every one of them simply runs.
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
from femb_cli.runtime.ranks import inside_launcher, is_main_process


def launch(function: Callable[..., Any], processes: int, *arguments: Any) -> Any:
    """Run `function(*arguments)` on `processes` processes and return the first one's result.

    With several, the function, its arguments and its result must be picklable.

    Raises:
        FembError: as the function raised it in one of the processes, or a process died.
        KeyboardInterrupt: the user interrupted.
    """
    if processes == 1 or inside_launcher():
        return function(*arguments)
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=f"femb-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.2,
    )
    for library in ("torch.distributed.elastic", "torch.multiprocessing"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    threads = max(1, (os.cpu_count() or 1) // processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    with tempfile.TemporaryDirectory(prefix="femb-") as folder:
        failure = Path(folder) / "failure.json"
        try:
            return elastic_launch(config, _work)(function, arguments, failure)[0]
        except ChildFailedError as error:
            raise _explain(error, failure) from error
        except SignalException as error:
            if error.sigval == signal.SIGINT:
                raise KeyboardInterrupt from error
            raise


def on_main_process(prepare: Callable[[], Any], device: str | None) -> Any:
    """Call `prepare` once and give its result to every process that was started together.

    Raises:
        FembError: as `prepare` raised it, on every process.
    """
    if not inside_launcher():
        return prepare()
    from accelerate.utils import broadcast_object_list

    from femb_cli.runtime.devices import join_process_group

    join_process_group(device)
    outcome: list[Any] = [None]
    if is_main_process():
        try:
            outcome = [prepare()]
        except FembError as error:
            outcome = [error]
    broadcast_object_list(outcome)
    if isinstance(outcome[0], FembError):
        raise outcome[0]
    return outcome[0]


def _work(function: Callable[..., Any], arguments: tuple[Any, ...], failure: Path) -> Any:
    """In a process of its own: run, and leave a note of an error that the user can fix."""
    import torch

    keep_freed_memory()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    try:
        return function(*arguments)
    except FembError as error:
        if not failure.exists():
            failure.write_text(json.dumps([error.message, error.hint]), encoding="utf-8")
        sys.exit(1)


def _explain(error: Any, failure: Path) -> FembError:
    if failure.exists():
        message, hint = json.loads(failure.read_text(encoding="utf-8"))
        return FembError(message, hint=hint)
    rank, first = error.get_first_failure()
    return FembError(f"process {rank} failed: {first.message}")
