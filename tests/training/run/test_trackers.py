"""Experiment trackers get a run's settings and metrics, and do no harm if they fail."""

import json
import logging
from typing import ClassVar

import accelerate.tracking
import pytest
from accelerate.tracking import GeneralTracker
from accelerate.utils import LoggerType
from people import make_job, write_people

from femb_cli.errors import FembError
from femb_cli.training.loop import train
from femb_cli.training.run import trackers
from femb_cli.training.run.trackers import check_trackers


class Recorder(GeneralTracker):
    """Stands in for W&B, whose package and account a test does not have."""

    name = "wandb"
    requires_logging_directory = False
    calls: ClassVar[list] = []
    fails = ""

    def __init__(self, project, **options):
        super().__init__()
        if self.fails == "start":
            raise RuntimeError("not logged in")
        self.calls.append(("start", project, options))

    tracker = None

    def store_init_configuration(self, values):
        self.calls.append(("settings", values))

    def log(self, values, step=None, **_):
        if self.fails == "log":
            raise ConnectionError("no network")
        self.calls.append(("log", step, values))

    def finish(self):
        self.calls.append(("finish",))


@pytest.fixture
def recorder(monkeypatch):
    monkeypatch.setitem(accelerate.tracking.LOGGER_TYPE_TO_CLASS, "wandb", Recorder)
    monkeypatch.setattr(accelerate.tracking, "get_available_trackers", lambda: [LoggerType.WANDB])
    monkeypatch.setattr(Recorder, "calls", [])
    for name in trackers._OF_THE_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    return Recorder


def test_it_gets_the_settings_once_and_every_line_of_metrics(tmp_path, recorder, caplog):
    caplog.set_level(logging.INFO, "femb")
    job = make_job(tmp_path / "run", write_people(tmp_path / "people"), trackers=("wandb",))
    train(job, [])
    (_, project, options), (_, settings), *lines, last = recorder.calls
    assert (project, options["name"], options["resume"], last) == ("femb", "run", "allow", ("finish",))
    assert settings["header.name"] == "arcface"
    stored = [json.loads(line) for line in (job.run / "metrics.jsonl").read_text().splitlines()]
    assert [{"step": step, **values} for _, step, values in lines] == stored
    assert "metrics also go to wandb: project femb, run run" in caplog.text


def test_the_environment_names_the_project(tmp_path, recorder, monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", "faces")
    train(make_job(tmp_path / "run", write_people(tmp_path / "people"), trackers=("wandb",)), [])
    assert recorder.calls[0][1] == "faces"


def test_one_that_does_not_start_is_named_before_the_first_step(tmp_path, recorder, monkeypatch):
    monkeypatch.setattr(recorder, "fails", "start")
    job = make_job(tmp_path / "run", write_people(tmp_path / "people"), trackers=("wandb",))
    with pytest.raises(FembError, match="cannot start wandb: not logged in"):
        train(job, [])


def test_one_that_fails_later_does_not_stop_the_training(tmp_path, recorder, monkeypatch, caplog):
    monkeypatch.setattr(recorder, "fails", "log")
    job = make_job(tmp_path / "run", write_people(tmp_path / "people"), trackers=("wandb",))
    train(job, [])
    assert len((job.run / "metrics.jsonl").read_text().splitlines()) == 4
    assert caplog.text.count("a tracker has failed and gets no more metrics: no network") == 1


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(FembError, match="comet_ml is not installed") as caught:
        check_trackers(("comet_ml",))
    assert caught.value.hint == "pip install comet-ml"
