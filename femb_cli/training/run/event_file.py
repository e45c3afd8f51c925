"""A TensorBoard event file that the caller writes itself.

TensorBoard's own writer hands each event to a thread, where a full disk ends in a traceback and lost events.
"""

import os
import socket
import time
from pathlib import Path
from typing import Any

VERSION = "brain.Event:2"
"""The version of the format, which the first event of each file states."""


class EventFile:
    """A new event file in a run's directory.

    Args:
        run: the run's directory.
        purge_from: TensorBoard ignores events of earlier files from this step on, because a resumed run repeats them.

    Raises:
        OSError: the file cannot be written; so do the methods.
    """

    def __init__(self, run: Path, *, purge_from: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        name = f"events.out.tfevents.{time.time_ns() // 10**9}.{socket.gethostname()}.{os.getpid()}"
        self._file = (run / name).open("ab")
        self._records = RecordWriter(self._file)
        self._add(Event(wall_time=time.time(), file_version=VERSION))
        self._add(Event(wall_time=time.time(), step=purge_from, session_log=SessionLog(status=SessionLog.START)))

    def add_scalars(self, step: int, scalars: dict[str, float]) -> None:
        """Write the values of one step by name, and pass them to the operating system."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        self._add(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _add(self, event: Any) -> None:
        self._records.write(event.SerializeToString())
