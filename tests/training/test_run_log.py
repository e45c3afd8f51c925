"""The log of a run."""

import json
import logging

import pytest
import torch

from femb_cli.checkpoints.runs import METRICS
from femb_cli.classifier import ClassifierOutput
from femb_cli.training.run_log import Means, RunLog, duration

METRIC_VALUES = {"loss": 18.241, "lr": 0.0951, "gradient_norm": 3.2}


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
    log.step(40, METRIC_VALUES)
    log.write(40, {"lfw": 0.99})
    log.close()
    assert "step     40/100   loss 18.241   lr 0.0951   grad 3.20" in caplog.messages[0]
    first, second = map(json.loads, (tmp_path / METRICS).read_text().splitlines())
    assert first.pop("images_per_second") > 0
    assert first == {"step": 40, **METRIC_VALUES}
    assert second == {"step": 40, "lfw": 0.99}
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_a_verification_is_one_line_for_people_and_one_for_programs(tmp_path, caplog):
    caplog.set_level(logging.INFO, "femb")
    log = RunLog(tmp_path, steps=100, batch_size=64, start=0, writes=True)
    log.verifications(40, [{"benchmark": "lfw", "accuracy": 0.99, "eer": 0.0125, "auc": 0.999, "num_pairs": 6000}])
    log.close()
    assert caplog.messages == ["step     40/100   lfw 99.00 %   eer 1.25 %"]
    (line,) = (tmp_path / METRICS).read_text().splitlines()
    assert json.loads(line) == {"step": 40, "lfw/accuracy": 0.99, "lfw/eer": 0.0125, "lfw/auc": 0.999}


@pytest.mark.parametrize("start, kept", [(0, []), (20, [20]), (40, [20, 40, 40])])
def test_a_resumed_run_drops_the_lines_of_steps_that_it_repeats(tmp_path, start, kept):
    lines = [json.dumps({"step": step}) for step in (20, 40, 40, 60)]
    (tmp_path / METRICS).write_text("\n".join([*lines, '{"step": 1']))  # the last one cut off by a kill
    RunLog(tmp_path, steps=100, batch_size=64, start=start, writes=True).close()
    assert [json.loads(line)["step"] for line in (tmp_path / METRICS).read_text().splitlines()] == kept


def test_the_time_left_follows_from_the_steps_of_this_session(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "femb")
    now = iter([100.0, 110.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    log = RunLog(tmp_path, steps=100, batch_size=64, start=20, writes=True)
    log.step(40, METRIC_VALUES)
    log.close()
    assert "128 img/s   eta 30 s" in caplog.messages[0]  # 20 steps of 64 images in 10 s, and 60 steps left


def test_other_ranks_write_nothing(tmp_path, caplog):
    caplog.set_level(logging.INFO, "femb")
    log = RunLog(tmp_path, steps=100, batch_size=64, start=0, writes=False)
    log.step(20, METRIC_VALUES)
    log.verifications(20, [{"benchmark": "lfw", "accuracy": 0.99, "eer": 0.0125, "auc": 0.999}])
    log.close()
    assert list(tmp_path.iterdir()) == []
    assert caplog.messages == []
