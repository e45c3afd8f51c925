"""SIGINT (Ctrl-C) and SIGTERM (SLURM, Kubernetes, `docker stop`): end a command in order, or at once if repeated.

The first signal raises `Interrupted`, so that temporary files are removed and unfinished work stays usable. Inside
`StopRequests` it raises nothing: the training loop asks whether to stop after each step. The second signal ends the
process at once.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from femb_cli.runtime.ranks import inside_launcher

SIGNALS = (signal.SIGINT, signal.SIGTERM)

REPEAT_SECONDS = 1.0
"""torchrun sends each process the signal that the terminal has sent it already; this is not a second signal."""

NOTHING_SAVED = "interrupted before the first step was done: nothing was saved"
"""The message of a training that a signal ends before it has anything to save."""


class Interrupted(BaseException):
    """A signal ended the work.

    Attributes:
        signal_number: the signal.
        message: what was saved and how to go on; empty if the command has nothing to say.
    """

    def __init__(self, signal_number: int, message: str = "") -> None:
        super().__init__(signal_number, message)
        self.signal_number, self.message = signal_number, message

    @property
    def exit_code(self) -> int:
        """130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.signal_number


@contextmanager
def interruption_says(message: str) -> Iterator[None]:
    """Give an interruption of the `with` block this message, unless it has one."""
    try:
        yield
    except Interrupted as interruption:
        raise Interrupted(interruption.signal_number, interruption.message or message) from None


def raise_on_signals() -> None:
    """Raise `Interrupted` in the main thread at the first signal, and end the process at the second."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        _end_at_next_signal()
        raise Interrupted(number)

    for number in SIGNALS:
        signal.signal(number, interrupt)


class StopRequests:
    """A context manager in which the first signal only asks to stop; all processes of a training agree on the step.

    Python delivers signals to the main thread only; in another thread, nothing asks to stop.
    """

    def __init__(self) -> None:
        self._received = 0
        self._group: Any = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._received:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def agreed(self) -> int:
        """Return the number of a signal that some process has received, 0 for none; every process must call this.

        All processes return the same number. They exchange it on the CPU, so that no GPU has to wait.
        """
        from femb_cli.runtime.collectives import group_size

        if group_size() == 1:
            return self._received
        import torch
        from torch import distributed

        self._group = self._group or distributed.new_group(backend="gloo")
        received = torch.tensor(self._received)
        distributed.all_reduce(received, op=distributed.ReduceOp.MAX, group=self._group)
        return int(received)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received = number
        _end_at_next_signal()


def _end_at_next_signal() -> None:
    first = time.monotonic()

    def end(number: int, frame: FrameType | None) -> None:
        if not inside_launcher() or time.monotonic() - first > REPEAT_SECONDS:
            if os.isatty(2):
                os.write(2, b"\r\x1b[2Kended at once; what was not saved is lost\n")
            os._exit(128 + number)

    for number in SIGNALS:
        signal.signal(number, end)
