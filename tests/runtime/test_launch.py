"""Functions on several processes."""

import os

import pytest
from launched import describe_worker, die, refuse

from femb_cli.errors import FembError
from femb_cli.runtime.launch import launch, on_main_process
from femb_cli.runtime.logging import configure_logging


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


@pytest.mark.parametrize("quiet", [False, True])
def test_the_main_process_returns_its_result_and_logs_what_this_one_would(capfd, quiet):
    configure_logging(quiet=quiet)
    worker = launch(describe_worker, 2, "hello")
    assert (worker["text"], worker["rank"], worker["threads"]) == ("hello", "0", 1)
    assert worker["pid"] != os.getpid()
    lines = capfd.readouterr().err.splitlines()
    assert ("note 0" in lines) is not quiet
    assert "note 1" not in lines
    assert {"warning 0", "warning 1"} <= set(lines)


def test_an_error_in_a_worker_is_raised_here(capfd):
    with pytest.raises(FembError, match="the disk is full") as caught:
        launch(refuse, 2)
    assert caught.value.hint == "make room"
    assert "Traceback" not in capfd.readouterr().err


def test_a_process_that_dies_is_named():
    with pytest.raises(FembError, match="process 1 failed"):
        launch(die, 2)


def test_without_a_launcher_the_main_process_is_this_one():
    assert on_main_process(os.getpid, device="cpu") == os.getpid()
    with pytest.raises(FembError, match="the disk is full"):
        on_main_process(refuse, device="cpu")
