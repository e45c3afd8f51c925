"""What a run is at."""

import json
from pathlib import Path

import pytest

from femb_cli.checkpoints.runs import write_config
from femb_cli.config.schema import DatasetConfig, TrainConfig
from femb_cli.training.run.metrics_file import BestResult
from femb_cli.training.run.run_directory import RunLock
from femb_cli.training.run.run_status import status_of


@pytest.fixture
def run(tmp_path) -> Path:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    write_config(run, TrainConfig(data=DatasetConfig(path="people"), epochs=2, batch_size=10))
    (run / "run.json").write_text(json.dumps({"data": {"num_images": 500}}))
    lines = [{"step": 20, "loss": 2.0}, {"step": 40, "loss": 1.0}, {"step": 40, "lfw/accuracy": 0.9}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def test_a_run_is_running_while_it_is_locked_and_finished_with_its_summary(run):
    assert status_of(run).status == "unfinished"
    with RunLock() as lock:
        lock.take(run)
        assert status_of(run).status == "running"
    (run / "summary.json").touch()
    assert status_of(run).status == "finished"


def test_step_loss_best_result_and_data_are_those_of_its_files(run):
    status = status_of(run)
    assert (status.step, status.steps, status.loss, status.data) == (40, 100, 1.0, "people")
    assert status.best == BestResult("lfw", 0.9, 40)
    (run / "checkpoints/step-000047").mkdir()
    (run / "checkpoints/step-000047/model.safetensors").touch()
    assert status_of(run).step == 47


def test_a_run_that_has_just_begun_or_is_damaged_has_what_is_known(run):
    (run / "metrics.jsonl").unlink()
    (run / "run.json").unlink()
    (run / "config.yaml").write_text("steps: [1\n")
    status = status_of(run)
    assert (status.step, status.steps, status.loss, status.best, status.data) == (0, None, None, None, "")
