"""Run a function on several processes of this machine, or in the current process.

Under `accelerate launch` or `torchrun` the processes exist already, and each of them runs the function itself.

femb starts its processes itself, because torchrun's launcher kills them 30 seconds after a signal: a large checkpoint
takes longer. A signal reaches this process only, which passes it on and waits for the others.
"""

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal, NamedTuple

from femb_cli.errors import FembError
from femb_cli.runtime.allocator import keep_freed_memory
from femb_cli.runtime.logging import configure_logging, shows_live_line
from femb_cli.runtime.ranks import inside_launcher, is_main_process
from femb_cli.runtime.signals import SIGNALS, Interrupted, raise_on_signals

_OTHERS_SECONDS = 0.5
"""How long to wait for further errors after the first one: the cause is not always the first to arrive."""

_PR_SET_PDEATHSIG = 1


class _Outcome(NamedTuple):
    """How a worker ended: with a result, with a FembError's message and hint, by a signal, or with any other error."""

    kind: Literal["result", "error", "interrupted", "failed", "died"]
    value: Any


@dataclass
class _Worker:
    """A process, the connection on which it sends its outcome, and the outcome once it is known."""

    rank: int
    process: BaseProcess
    connection: Connection
    outcome: _Outcome | None = None

    def receive(self) -> None:
        """Receive the outcome; a process that has ended without one has died."""
        try:
            self.outcome = self.connection.recv()
        except EOFError:
            self.process.join()
            self.outcome = _Outcome("died", self.process.exitcode)


def launch(function: Callable[..., Any], processes: int, *arguments: Any) -> Any:
    """Run `function(*arguments)` on `processes` processes and return the result of the main process.

    With several processes, the function, its arguments and its result must be picklable. The main process has
    the log level of this one.

    Raises:
        FembError: the function raised it in one of the processes, or a process died.
        Interrupted: a signal ended the work.
    """
    if processes == 1 or inside_launcher():
        return function(*arguments)
    from torch.distributed import TCPStore

    os.environ["OMP_NUM_THREADS"] = str(threads_of_a_process(processes))
    # The processes meet at this store. It is in this process, so that its port is known to be free.
    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    workers: list[_Worker] = []
    try:
        with _signals_blocked():
            for rank in range(processes):
                workers.append(_start(rank, processes, store.port, function, arguments))
        return _outcome_of(workers)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()


def threads_of_a_process(processes: int) -> int:
    """Return how many threads torch has in each process that `launch` starts, or in this one if there is only one."""
    if processes > 1 and not inside_launcher():
        return int(os.environ.get("OMP_NUM_THREADS") or max(1, (os.cpu_count() or 1) // processes))
    import torch

    return torch.get_num_threads()


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


# ---- In the process that launches


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block signals, here and in every process that is started meanwhile, until each is ready to handle them."""
    resource_tracker.ensure_running()  # whose start, with the first process, would unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(rank: int, processes: int, port: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    environment = {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        # torch's names for: the store exists already, no process has to open it.
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
    log = {"quiet": not logging.getLogger("femb").isEnabledFor(logging.INFO), "live": shows_live_line()}
    process = context.Process(
        target=_run_in_worker, args=(sending, environment, log, os.getpid(), function, arguments), daemon=True
    )
    process.start()
    sending.close()
    return _Worker(rank, process, receiving)


def _outcome_of(workers: Sequence[_Worker]) -> Any:
    """Wait for all workers; return the main one's result, or raise the error that ended the work."""
    interrupted_by = 0
    while not _has_ended(workers):
        try:
            _receive(workers, None)
        except Interrupted as interruption:
            interrupted_by = interruption.signal_number
            for worker in workers:
                if worker.process.pid is not None and worker.process.is_alive():
                    os.kill(worker.process.pid, interrupted_by)
    outcomes = {worker.rank: worker.outcome for worker in workers if worker.outcome is not None}
    if all(outcome.kind == "result" for outcome in outcomes.values()):
        return outcomes[0].value
    interruptions = [outcome.value for _, outcome in sorted(outcomes.items()) if outcome.kind == "interrupted"]
    if interruptions or interrupted_by:
        raise Interrupted(*(interruptions or [(interrupted_by, "")])[0])
    raise _explain(outcomes)


def _has_ended(workers: Sequence[_Worker]) -> bool:
    """Whether all workers have ended, or one has failed; then the others have a moment to name the cause."""
    if any(worker.outcome and worker.outcome.kind in ("error", "failed", "died") for worker in workers):
        while any(worker.outcome is None for worker in workers) and _receive(workers, _OTHERS_SECONDS):
            pass
        return True
    return all(worker.outcome is not None for worker in workers)


def _receive(workers: Sequence[_Worker], seconds: float | None) -> bool:
    """Receive outcomes that arrive within so many seconds (None: wait for one), and return whether there was one."""
    running = {worker.connection: worker for worker in workers if worker.outcome is None}
    arrived = wait(list(running), seconds)
    for connection in arrived:
        running[connection].receive()  # type: ignore[index]
    return bool(arrived)


def _explain(outcomes: dict[int, _Outcome]) -> FembError:
    """Return the FembError of a worker, or else one with the rank of a process that died or failed."""
    for kind in ("error", "died", "failed"):
        for rank, outcome in sorted(outcomes.items()):
            if outcome.kind != kind:
                continue
            if kind == "error":
                return FembError(outcome.value[0], hint=outcome.value[1])
            if kind == "died":
                return FembError(f"process {rank} failed: it ended with {_describe_exit(outcome.value)}")
            return FembError(f"process {rank} failed: {outcome.value}", hint="FEMB_DEBUG=1 shows where")
    raise AssertionError("one of the processes has failed")


def _describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"{name} (was it killed because the memory is full?)" if name == "SIGKILL" else name
    return f"exit code {code}"


# ---- In a process that was launched


def _run_in_worker(
    sending: Connection,
    environment: dict[str, str],
    log: dict[str, bool],
    launcher: int,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    """Set up a worker process, run the function and send its outcome."""
    os.environ.update(environment)
    try:
        _leave_signals_to(launcher)  # raises the signal that has come since the launcher began to start this process
        import torch

        configure_logging(**log)
        warnings.simplefilter("ignore")  # the launcher has opened the same data, and has shown its warnings
        keep_freed_memory()
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        outcome = _Outcome("result", function(*arguments))
    except FembError as error:
        outcome = _Outcome("error", (error.message, error.hint))
    except Interrupted as interruption:
        outcome = _Outcome("interrupted", (interruption.signal_number, interruption.message))
    except Exception as error:  # a bug, or the consequence of another process's error
        if os.environ.get("FEMB_DEBUG"):
            traceback.print_exc()
        outcome = _Outcome("failed", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    sending.send(outcome)
    sending.close()


def _leave_signals_to(launcher: int) -> None:
    """Let signals reach this process through the launcher only, and end this process if the launcher is killed."""
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != launcher:
            os._exit(1)
    raise_on_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
