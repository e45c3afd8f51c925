"""SIGINT and SIGTERM end a command in order: what is computed is saved, and the last line says how to go on."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from started import start
from tiny import TINY

from femb_cli.training import session

LONG = ("train", *TINY, "--steps", "100000", "--set", "checkpoint.every=100000", "--set", "validation.benchmarks=[]")


def wait_for(text, log, process):
    deadline = time.monotonic() + 120
    while text not in log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


@pytest.mark.parametrize(
    "number, processes", [pytest.param(signal.SIGTERM, 1, marks=pytest.mark.slow), (signal.SIGINT, 2)]
)
def test_a_training_saves_its_last_step_and_says_how_to_go_on(tmp_path, number, processes):
    process, log = start(tmp_path, *LONG, "--out", "run", "--processes", str(processes)), tmp_path / "log"
    wait_for("step      4/", log, process)
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    saved = [path.name for path in (tmp_path / "run/checkpoints").iterdir()]
    step = int(saved[0].removeprefix("step-"))
    assert len(saved) == 1
    assert step >= 4
    assert log.read_text().endswith(f"\nsaved step {step}; femb train --resume run goes on\n")
    assert "Traceback" not in log.read_text()
    assert not (tmp_path / "run/summary.json").exists()
    last = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] <= step


def test_a_signal_before_the_first_step_says_that_nothing_was_saved(femb, monkeypatch):
    def interrupted(*_, **__):
        os.kill(os.getpid(), signal.SIGINT)

    from femb_cli.runtime.signals import SIGNALS, raise_on_signals

    before = {number: signal.getsignal(number) for number in SIGNALS}
    monkeypatch.setattr(session, "make_plan", interrupted)
    raise_on_signals()
    try:
        ended = femb(*LONG, "--out", "run")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ended.code == 130
    assert ended.err.splitlines()[-1] == "interrupted before the first step was done: nothing was saved"
    assert not Path("run").exists()


def test_a_file_that_cannot_be_opened_is_one_line(femb):
    Path("file").write_text("")
    ended = femb("train", "file/config.yaml")
    assert ended.code in (1, 2)
    assert "Traceback" not in ended.err
    assert "file/config.yaml" in ended.err
