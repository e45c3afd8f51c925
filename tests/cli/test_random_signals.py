"""Trainings that are ended at random moments go on, and end as if nothing had happened."""

import json
import random
import signal
import time
from pathlib import Path

import pytest
from failing_disk.commands import NETWORK
from people import write_people
from safetensors.numpy import load_file
from started import start

NUM_SIGNALS, MOST_SECONDS = 50, 60
TRAIN = [
    *("train", "--data", "people", *NETWORK, "--steps", "40", "--set", "workers=1"),
    *("--set", "checkpoint.every=7", "--set", "log_every=3"),
]


def result(run):
    """The weights of a finished run, bit for bit, and its log."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    weights = load_file(run / "checkpoints/step-000040/model.safetensors")
    return {name: tensor.tobytes() for name, tensor in weights.items()}, [
        (line["step"], line["loss"]) for line in lines
    ]


def next_command(place, processes):
    if not (place / "run").exists():
        return [*TRAIN, "--out", "run", "--processes", str(processes)]
    return ["train", "--resume", "run", "--processes", str(processes)]


def disturb(process, place, moment):
    """Send a random signal after a random time; return whether it arrived before the end."""
    number = moment.choice([signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
    time.sleep(moment.uniform(0, 1.5) if moment.random() < 0.2 else 0)
    deadline, steps = time.monotonic() + MOST_SECONDS, moment.randint(1, 12)
    while (place / "log").read_text().count("step ") < steps and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(moment.uniform(0, 0.05))
    if process.poll() is not None:
        return False
    process.send_signal(number)
    code = process.wait(MOST_SECONDS)
    log = (place / "log").read_text()
    assert code in ((-9,) if number == signal.SIGKILL else (128 + number, 0)), (number, code, log)
    assert "Traceback" not in log
    if code == 128 + number:
        assert "--resume" in log.splitlines()[-1] or "nothing was saved" in log.splitlines()[-1], log
    return True


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_trainings_end_as_unbroken_ones_after_random_signals(tmp_path, processes):
    moment, sent, runs = random.Random(processes), 0, 0
    unbroken = tmp_path / "unbroken"
    write_people(unbroken / "people")
    assert start(unbroken, *next_command(unbroken, processes)).wait(MOST_SECONDS) == 0, (unbroken / "log").read_text()
    while sent < NUM_SIGNALS // 2:
        place = tmp_path / f"broken{runs}"
        write_people(place / "people")
        while not (place / "run/summary.json").exists():
            process = start(place, *next_command(place, processes))
            if moment.random() < 0.8:
                sent += disturb(process, place, moment)
            elif process.wait(MOST_SECONDS) != 0:
                pytest.fail((place / "log").read_text())
        assert result(place / "run") == result(unbroken / "run")
        left = [path.name for path in (place / "run").rglob("*") if path.name.startswith(".") or path.suffix == ".tmp"]
        assert left == []
        runs += 1
    print(f"{sent} signals over {runs} runs of {processes} processes")
    assert Path(place / "run/summary.json").exists()
