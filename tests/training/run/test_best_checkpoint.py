"""The checkpoint with the best verification."""

import json
from pathlib import Path

import pytest

from femb_cli.checkpoints.runs import MODEL, checkpoint_path, run_checkpoints
from femb_cli.config.schema import CheckpointConfig, TrainConfig, ValidationConfig
from femb_cli.errors import UsageError
from femb_cli.training.run.best_checkpoint import check_best_benchmark, find_best, keep_checkpoints
from femb_cli.training.run.metrics_file import BestResult


def configure(**settings):
    return TrainConfig(validation=ValidationConfig(every=1), checkpoint=CheckpointConfig(keep=1, **settings))


@pytest.fixture
def run(tmp_path) -> Path:
    """Five verifications, and a checkpoint of each but the first."""
    for step in (2, 3, 4, 5):
        checkpoint_path(tmp_path, step).mkdir(parents=True)
        (checkpoint_path(tmp_path, step) / MODEL).touch()
    lines = [
        {"step": step, "lfw/accuracy": lfw, "cfp_fp/accuracy": cfp}
        for step, lfw, cfp in [(1, 0.99, 0.5), (2, 0.7, 0.6), (3, 0.9, 0.6), (4, 0.9, 0.8), (5, 0.8, 0.7)]
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def names(run):
    return [checkpoint.name for checkpoint in run_checkpoints(run)]


def test_the_best_is_the_first_of_the_best_that_are_saved(run):
    assert find_best(run, configure()) == BestResult("lfw", 0.9, 3)
    assert find_best(run, configure(), step=1) == BestResult("lfw", 0.99, 1)
    assert find_best(run, configure(best="cfp_fp")) == BestResult("cfp_fp", 0.8, 4)
    assert find_best(run, configure(best=None)) is None
    assert find_best(run, TrainConfig()) is None  # without verifications in between the best would be the newest


def test_the_best_stays_beside_the_newest_under_a_name_of_its_own(run):
    keep_checkpoints(run, configure())
    assert names(run) == ["step-000003", "step-000005"]
    assert (run / "best").readlink() == Path("checkpoints/step-000003")
    keep_checkpoints(run, configure(best=None))
    assert names(run) == ["step-000005"]
    assert not (run / "best").is_symlink()


def test_a_best_checkpoint_that_is_gone_is_replaced_by_the_next(run):
    keep_checkpoints(run, configure())
    (run / "checkpoints/step-000003").rename(run / "checkpoints/step-000003.damaged")
    keep_checkpoints(run, configure())
    assert (run / "best").readlink() == Path("checkpoints/step-000005")


def test_a_file_system_without_links_has_no_link_and_keeps_the_checkpoint(run, monkeypatch):
    def symlink_to(self, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", symlink_to)
    keep_checkpoints(run, configure())
    assert names(run) == ["step-000003", "step-000005"]


def test_a_benchmark_that_the_run_does_not_have_is_refused():
    check_best_benchmark(configure(best="lfw"), ["cfp_fp", "lfw"])
    check_best_benchmark(configure(), [])
    with pytest.raises(UsageError, match=r"checkpoint.best is 'lwf'.*: lfw"):
        check_best_benchmark(configure(best="lwf"), ["lfw"])
    with pytest.raises(UsageError, match="has no effect"):
        check_best_benchmark(TrainConfig(checkpoint=CheckpointConfig(best="lfw")), ["lfw"])
