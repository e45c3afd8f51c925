"""SIGINT and SIGTERM end a command in order: what is computed is saved, and the last line says how to go on."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from started import start
from terminals import Terminal
from tiny import TINY

from femb_cli.runtime.signals import SIGNALS
from femb_cli.training import session

LONG = ("train", *TINY, "--steps", "100000", "--set", "checkpoint.every=100000", "--set", "validation.benchmarks=[]")
SMALL = ("--set", "backbone.input_size=16", "--set", "backbone.width=0.0625", "--set", "backbone.embedding_dim=8")


def wait_for(text, log, process):
    deadline = time.monotonic() + 120
    while text not in log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def assert_saved(run, shown):
    """A training of at least four steps has saved its last step alone, and says how to go on."""
    (saved,) = [path.name for path in (run / "checkpoints").iterdir()]
    step = int(saved.removeprefix("step-"))
    assert step >= 4
    assert shown.endswith(f"\ninterrupted; step {step} is saved, femb train --resume run continues\n")
    assert "Traceback" not in shown
    assert not (run / "summary.json").exists()
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] <= step


@pytest.mark.usefixtures("handles_signals")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_training_saves_its_last_step_and_says_how_to_go_on(femb, tmp_path, number):
    def interrupt():
        deadline = time.monotonic() + 60
        log = tmp_path / "run/metrics.jsonl"
        while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    ended = femb(*LONG, *SMALL, "--out", "run")
    thread.join()
    assert ended.code == 128 + number
    assert_saved(tmp_path / "run", ended.err)


@pytest.mark.slow
@pytest.mark.parametrize("number, processes", [(signal.SIGTERM, 1), (signal.SIGINT, 2)])
def test_processes_of_their_own_do_so_too(tmp_path, number, processes):
    process, log = start(tmp_path, *LONG, "--out", "run", "--processes", str(processes)), tmp_path / "log"
    wait_for("step      4/", log, process)
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    assert_saved(tmp_path / "run", log.read_text())


@pytest.mark.usefixtures("handles_signals")
def test_a_signal_before_the_first_step_says_that_nothing_was_saved(femb, monkeypatch):
    def interrupted(*_, **__):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(session, "make_plan", interrupted)
    ended = femb(*LONG, "--out", "run")
    assert ended.code == 130
    assert ended.err.splitlines()[-1] == "interrupted before the first step was done: nothing was saved"
    assert not Path("run").exists()


WITH_BAR = """
import os, sys, time
from femb_cli.cli import app as module
from femb_cli.cli.output import Output
from femb_cli.runtime.signals import interruption_says, raise_on_signals

def work(**_):
    with interruption_says("interrupted; the same command continues"), Output().progress("drawing faces") as move:
        try:
            move(1, 4)
            time.sleep(60)
        finally:
            CLEANING

raise_on_signals()
module.build_app = lambda names: work
sys.exit(module.run([]))
"""
ERASE = "\r\x1b[2K"


def test_ctrl_c_in_a_terminal_leaves_one_line_and_no_bar():
    terminal = Terminal(WITH_BAR.replace("CLEANING", "pass"))
    terminal.wait_for("1 of 4")
    terminal.press_ctrl_c()
    code, shown = terminal.end()
    assert code == 130
    assert shown.endswith(f"1 of 4^C{ERASE}{ERASE}interrupted; the same command continues\r\n")


def test_a_second_ctrl_c_says_that_it_ends_at_once():
    terminal = Terminal(WITH_BAR.replace("CLEANING", "print('cleaning'); time.sleep(60)"))
    terminal.wait_for("1 of 4")
    terminal.press_ctrl_c()
    terminal.wait_for("cleaning")
    terminal.press_ctrl_c()
    code, shown = terminal.end()
    assert code == 130
    assert shown.endswith(f"^C{ERASE}ended at once; what was not saved is lost\r\n")


def test_a_file_that_cannot_be_opened_is_one_line(femb):
    Path("file").write_text("")
    ended = femb("train", "file/config.yaml")
    assert ended.code in (1, 2)
    assert "Traceback" not in ended.err
    assert "file/config.yaml" in ended.err
