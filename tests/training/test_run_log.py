"""The record of a run."""

import json
import logging

import pytest
import torch

from femb_cli.checkpoints.runs import METRICS
from femb_cli.classifier import ClassifierOutput
from femb_cli.training.run_log import Means, RunLog, duration

FIGURES = {"loss": 18.241, "lr": 0.0951, "gradient_norm": 3.2}


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0 s"), (41.6, "42 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (3599.7, "1 h 0 min"), (17460, "4 h 51 min")],
)
def test_durations_are_in_words(seconds, text):
    assert duration(seconds) == text


def test_means_are_over_the_steps_since_they_were_taken():
    means = Means(torch.device("cpu"))
    for value in (1.0, 3.0):
        means.add(ClassifierOutput(*torch.tensor([value, 2 * value, 0.0, 10.0])), torch.tensor(value))
    assert means.take().tolist() == [2.0, 4.0, 0.0, 10.0, 2.0]
    means.add(ClassifierOutput(*torch.ones(4)), torch.tensor(1.0))
    assert means.take().tolist() == [1.0] * 5


def test_an_interval_is_one_line_for_people_and_one_for_programs(tmp_path, caplog):
    caplog.set_level(logging.INFO, "femb")
    log = RunLog(tmp_path, steps=100, batch_size=64, start=20, writes=True)
    log.step(40, FIGURES)
    log.write(40, {"lfw": 0.99})
    log.close()
    assert "step     40/100   loss 18.241   lr 0.0951   grad 3.20" in caplog.messages[0]
    first, second = map(json.loads, (tmp_path / METRICS).read_text().splitlines())
    assert first.pop("images_per_second") > 0
    assert first == {"step": 40, **FIGURES}
    assert second == {"step": 40, "lfw": 0.99}
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_other_ranks_write_nothing(tmp_path, caplog):
    caplog.set_level(logging.INFO, "femb")
    log = RunLog(tmp_path, steps=100, batch_size=64, start=0, writes=False)
    log.step(20, FIGURES)
    log.close()
    assert list(tmp_path.iterdir()) == []
    assert caplog.messages == []
