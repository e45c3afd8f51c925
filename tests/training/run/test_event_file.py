"""TensorBoard event files: TensorBoard's own reader sees what was written."""

import errno
import io

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from femb_cli.training.run.event_file import EventFile


def read(run):
    events = EventAccumulator(str(run))
    events.Reload()
    return {
        tag: [(event.step, round(event.value, 4)) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def test_tensorboard_reads_the_values_by_name_and_step(tmp_path):
    file = EventFile(tmp_path, purge_from=1)
    file.add_scalars(2, {"loss": 0.5, "lfw/accuracy": 0.75})
    file.add_scalars(4, {"loss": 0.25})
    file.close()
    assert read(tmp_path) == {"loss": [(2, 0.5), (4, 0.25)], "lfw/accuracy": [(2, 0.75)]}


def test_a_resumed_run_hides_the_steps_that_it_repeats(tmp_path, monkeypatch):
    first = EventFile(tmp_path, purge_from=1)
    for step in (2, 4, 6):
        first.add_scalars(step, {"loss": step})
    first.close()
    monkeypatch.setattr("os.getpid", lambda: 99999999)  # the resumed run is another process
    second = EventFile(tmp_path, purge_from=5)
    second.add_scalars(6, {"loss": 7})
    second.close()
    assert read(tmp_path) == {"loss": [(2, 2), (4, 4), (6, 7)]}


def test_values_are_in_the_file_before_it_is_closed(tmp_path):
    file = EventFile(tmp_path, purge_from=1)
    file.add_scalars(1, {"loss": 3})
    assert read(tmp_path) == {"loss": [(1, 3)]}
    file.close()


def test_a_full_disk_is_the_error_of_the_caller(tmp_path):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    file = EventFile(tmp_path, purge_from=1)
    file._records._writer = Full()
    with pytest.raises(OSError, match="No space left"):
        file.add_scalars(1, {"loss": 3})
