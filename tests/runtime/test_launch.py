"""Functions on several processes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
from launched import describe_worker, die, refuse, stop_when_asked

from femb_cli.errors import FembError
from femb_cli.runtime import launch as launch_module
from femb_cli.runtime.launch import launch, on_main_process
from femb_cli.runtime.logging import configure_logging
from femb_cli.runtime.signals import SIGNALS, Interrupted


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    """No launcher around the tests, and nothing left behind in the environment."""
    for name in ("LOCAL_RANK", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_one_process_is_this_one():
    assert launch(os.getpid, 1) == os.getpid()
    with pytest.raises(FembError, match="the disk is full"):
        launch(refuse, 1)


def test_under_a_launcher_this_process_is_one_of_those_that_run(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert launch(os.getpid, 4) == os.getpid()


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("quiet", [False, True])
def test_the_main_process_returns_its_result_and_logs_what_this_one_would(capfd, quiet):
    configure_logging(quiet=quiet)
    worker = launch(describe_worker, 2, "hello")
    assert (worker["text"], worker["rank"], worker["threads"]) == ("hello", "0", 1)
    assert worker["pid"] != os.getpid()
    lines = capfd.readouterr().err.splitlines()
    assert ("note 0" in lines) is not quiet
    assert "note 1" not in lines
    assert [line for line in lines if line.startswith("warning")] == ["warning 0"]


@pytest.mark.usefixtures("started")
def test_an_error_in_a_worker_is_raised_here(capfd):
    with pytest.raises(FembError, match="the disk is full") as caught:
        launch(refuse, 2)
    assert caught.value.hint == "make room"
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.usefixtures("started")
def test_a_process_that_dies_is_named():
    with pytest.raises(FembError, match="process 1 failed: it ended with exit code 7"):
        launch(die, 2)


@pytest.mark.usefixtures("started", "handles_signals")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_to_the_launcher_stops_all_processes_at_one_step(capfd, number):
    with pytest.raises(Interrupted, match="stopped at step") as caught:
        launch(stop_when_asked, 2, int(number))
    assert caught.value.signal_number == number
    assert capfd.readouterr().err == ""


WAITS = """
import sys
from launched import wait_forever
from femb_cli.runtime.launch import launch
if __name__ == "__main__":
    launch(wait_forever, 2, sys.argv[1])
"""


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends processes together with their parent")
def test_no_process_outlives_a_launcher_that_is_killed(tmp_path):
    script = tmp_path / "waits.py"
    script.write_text(WAITS)
    (tmp_path / "marks").mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    launcher = subprocess.Popen([sys.executable, script, tmp_path / "marks"], env=environment)
    deadline = time.monotonic() + 60
    while len(marks := [mark.read_text() for mark in (tmp_path / "marks").iterdir()]) < 2 or not all(marks):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    launcher.kill()
    launcher.wait()
    while any(is_running(int(process)) for process in marks):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_a_launcher_the_main_process_is_this_one():
    assert on_main_process(os.getpid, device="cpu") == os.getpid()
    with pytest.raises(FembError, match="the disk is full"):
        on_main_process(refuse, device="cpu")


FIRST_START = """
import signal
from multiprocessing import resource_tracker
from femb_cli.runtime.launch import _signals_blocked
with _signals_blocked():
    resource_tracker.ensure_running()  # as the start of a process does
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""


def test_signals_stay_blocked_while_the_first_process_starts():
    shown = subprocess.run([sys.executable, "-c", FIRST_START], capture_output=True, text=True)
    assert (shown.stdout, shown.stderr) == ("True\n", "")


def test_a_signal_that_came_while_a_process_started_ends_it_in_order():
    receiving, sending = multiprocessing.Pipe(duplex=False)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    process = multiprocessing.get_context("fork").Process(target=interrupted_at_start, args=(sending,))
    process.start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    assert receiving.recv() == ("interrupted", (signal.SIGINT, ""))
    process.join()
    assert process.exitcode == 0


def interrupted_at_start(sending):
    """Run a worker that a signal has reached before it was ready."""
    os.kill(os.getpid(), signal.SIGINT)
    log = {"quiet": False, "live": False}
    launch_module._run_in_worker(sending, {}, log, os.getppid(), os.getpid, ())
