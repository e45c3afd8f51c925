"""The log of a run."""

import json
import logging
from pathlib import Path

import pytest
import torch

from femb_cli.checkpoints.runs import METRICS
from femb_cli.classifier import ClassifierOutput
from femb_cli.errors import FembError
from femb_cli.runtime.collectives import group_rank
from femb_cli.training.run.progress_file import Progress
from femb_cli.training.run.run_log import Means, RunLog, duration

METRIC_VALUES = {"loss": 18.241, "lr": 0.0951, "gradient_norm": 3.2}


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0s"), (41.6, "42s"), (59.6, "1m00s"), (185, "3m05s"), (3599.7, "1h00m"), (17460, "4h51m"), (4e5, "4d15h")],
)
def test_durations_are_in_a_few_letters(seconds, text):
    assert duration(seconds) == text


def log_lines(tmp_path, caplog, steps, metrics):
    caplog.set_level(logging.INFO, "femb")
    log = RunLog(tmp_path, steps=steps, batch_size=2048, start=0, writes=True)
    log.step(steps // 2, metrics)
    log.close()
    return caplog.messages


@pytest.mark.parametrize("steps, loss, lr, gradient", [(91_000, 18.2, 0.0951, 3.2), (2 * 10**6, 148.5, 9.51e-5, 137.2)])
def test_lines_fit_a_terminal_of_80_columns(tmp_path, caplog, monkeypatch, steps, loss, lr, gradient):
    now = iter([0.0, steps / 4])  # a run of days
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    (line,) = log_lines(tmp_path, caplog, steps, {"loss": loss, "lr": lr, "gradient_norm": gradient})
    assert f"loss {loss:.3f}" in line and "eta " in line
    assert len(line) < 80


def test_means_are_over_the_steps_since_they_were_taken():
    means = Means(torch.device("cpu"))
    for value in (1.0, 3.0):
        means.add([ClassifierOutput(*torch.tensor([value, 2 * value, 0.0, 10.0]))], torch.tensor(value))
    assert means.take().tolist() == [2.0, 4.0, 0.0, 10.0, 2.0]
    means.add([ClassifierOutput(*torch.ones(4))], torch.tensor(1.0))
    assert means.take().tolist() == [1.0] * 5


def test_a_steps_loss_is_the_mean_of_its_micro_batches():
    means = Means()
    means.add([ClassifierOutput(*torch.full((4,), value)) for value in (1.0, 4.0)], torch.tensor(7.0))
    assert means.take().tolist() == [2.5] * 4 + [7.0]


def summed(means, values):
    for value in values:
        numbers = torch.tensor([value, 2 * value, 0.0, 10.0])
        means.add([ClassifierOutput(*(numbers + group_rank()))], torch.tensor(value))
    return means


def summed_and_gathered(values):
    return summed(Means(), values).gather()


def continued(progress, values):
    """Go on from a checkpoint's sums; return this process's means."""
    means = Means()
    means.load(progress)
    return summed(means, values).take().tolist()


def test_sums_that_go_through_a_checkpoint_are_equal_in_every_bit(processes):
    first, second = [0.1, 0.7, 1 / 3], [3.3, 1e-7]
    for world_size in (1, 2):
        run = processes(world_size).run if world_size > 1 else lambda function, *given: [function(*given)]
        progress = Progress(9, len(first), json.loads(json.dumps(run(summed_and_gathered, first)[0])))
        assert [len(sums) for sums in progress.interval_sums.values()] == [world_size] * 5
        assert run(continued, progress, second) == run(continued, Progress(0), first + second)


def test_another_number_of_processes_goes_on_with_the_same_mean(processes):
    progress = Progress(9, 2, processes(2).run(summed_and_gathered, [1.0, 2.0])[0])
    means = torch.tensor(processes(2).run(continued, progress, [])).mean(0)
    torch.testing.assert_close(torch.tensor(continued(progress, [])), means)


def test_an_interval_is_one_line_for_people_and_one_for_programs(tmp_path, caplog):
    caplog.set_level(logging.INFO, "femb")
    log = RunLog(tmp_path, steps=100, batch_size=64, start=20, writes=True)
    log.step(40, METRIC_VALUES)
    log.write(40, {"lfw": 0.99})
    log.close()
    assert "step     40/100  loss 18.241  lr 0.0951  grad 3.2  " in caplog.messages[0]
    first, second = map(json.loads, (tmp_path / METRICS).read_text().splitlines())
    assert first.pop("images_per_second") > 0
    assert first.pop("data_wait_share") == 0.0
    assert 0.01 < first.pop("peak_memory_gb") < 1000
    assert first == {"step": 40, **METRIC_VALUES}
    assert second == {"step": 40, "lfw": 0.99}
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_a_verification_is_one_line_for_people_and_one_for_programs(tmp_path, caplog):
    caplog.set_level(logging.INFO, "femb")
    log = RunLog(tmp_path, steps=100, batch_size=64, start=0, writes=True)
    log.verifications(40, [{"benchmark": "lfw", "accuracy": 0.99, "eer": 0.0125, "auc": 0.999, "num_pairs": 6000}])
    log.close()
    assert caplog.messages == ["step     40/100  lfw 99.00 %  eer 1.25 %"]
    (line,) = (tmp_path / METRICS).read_text().splitlines()
    assert json.loads(line) == {"step": 40, "lfw/accuracy": 0.99, "lfw/eer": 0.0125, "lfw/auc": 0.999}


def test_a_verification_warns_of_a_collapsed_network(tmp_path, caplog):
    log = RunLog(tmp_path, steps=100, batch_size=64, start=0, writes=True)
    result = {"benchmark": "lfw", "accuracy": 0.5, "eer": 0.5, "auc": 0.5, "mean_cosine": 0.9987, "collapsed": True}
    log.verifications(40, [result])
    log.close()
    assert "the network has collapsed" in caplog.messages[0] and "mean cosine 0.9987" in caplog.messages[0]


@pytest.mark.parametrize("start, kept", [(0, []), (20, [20]), (40, [20, 40, 40])])
def test_a_resumed_run_drops_the_lines_of_steps_that_it_repeats(tmp_path, start, kept):
    lines = [json.dumps({"step": step}) for step in (20, 40, 40, 60)]
    (tmp_path / METRICS).write_text("\n".join([*lines, '{"step": 1']))  # the last one cut off by a kill
    RunLog(tmp_path, steps=100, batch_size=64, start=start, writes=True).close()
    assert [json.loads(line)["step"] for line in (tmp_path / METRICS).read_text().splitlines()] == kept


def test_a_line_that_is_there_already_is_not_written_twice(tmp_path):
    verification = {"benchmark": "lfw", "accuracy": 0.99, "eer": 0.0125, "auc": 0.999}
    for _ in range(2):
        log = RunLog(tmp_path, steps=40, batch_size=64, start=40, writes=True)
        log.verifications(40, [verification])
        log.close()
    assert len((tmp_path / METRICS).read_text().splitlines()) == 1


def test_a_full_disk_is_one_error(tmp_path):
    log = RunLog(tmp_path, steps=40, batch_size=64, start=0, writes=True)
    log.file.close()
    log.file = Path("/dev/full").open("w")  # noqa: SIM115
    with pytest.raises(FembError, match=r"cannot write .*metrics\.jsonl: No"):
        log.write(3, {"loss": 1.0})
    with pytest.raises(FembError):
        log.close()


def test_the_time_left_follows_from_the_steps_of_this_session(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "femb")
    now = iter([100.0, 110.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    log = RunLog(tmp_path, steps=100, batch_size=64, start=20, writes=True)
    log.step(40, METRIC_VALUES)
    log.close()
    assert "128 img/s  eta 30s" in caplog.messages[0]  # 20 steps of 64 images in 10 s, and 60 steps left
    assert log.speed()["images_per_second"] == 128.0


def test_the_share_of_the_peak_rate_follows_from_the_speed(tmp_path, monkeypatch):
    now = iter([100.0, 110.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    log = RunLog(tmp_path, steps=100, batch_size=64, start=20, writes=True, mfu_of_one=0.002)
    log.step(40, METRIC_VALUES)  # 128 images in a second
    log.close()
    assert log.speed()["mfu"] == 0.256
    (line,) = map(json.loads, (tmp_path / METRICS).read_text().splitlines())
    assert line["mfu"] == 0.256


def test_an_infinite_gradient_is_null(tmp_path):
    log = RunLog(tmp_path, steps=100, batch_size=64, start=20, writes=True)
    log.step(40, {**METRIC_VALUES, "gradient_norm": float("inf")})
    log.close()
    (line,) = map(json.loads, (tmp_path / METRICS).read_text().splitlines())
    assert line["gradient_norm"] is None
    assert line["loss"] == METRIC_VALUES["loss"]


def test_a_tracker_gets_what_the_file_gets(tmp_path):
    sent = []
    log = RunLog(tmp_path, steps=100, batch_size=64, start=20, writes=True, send=lambda *line: sent.append(line))
    log.write(40, {"lfw/accuracy": 0.99, "lfw/auc": None})
    log.close()
    assert sent == [({"lfw/accuracy": 0.99}, 40)]


def test_the_share_of_time_that_waits_for_data_is_measured(tmp_path, monkeypatch):
    # Start; asked for and got a batch, twice; the line of the log.
    now = iter([0.0, 1.0, 2.0, 6.0, 9.0, 10.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    log = RunLog(tmp_path, steps=2, batch_size=64, start=0, writes=True)
    batches = log.timed(iter(["first", "second"]))
    assert [next(batches), next(batches)] == ["first", "second"]
    log.step(2, METRIC_VALUES)
    log.close()
    assert log.speed()["data_wait_share"] == 0.4


def test_verifying_and_saving_do_not_count_as_training(tmp_path, monkeypatch):
    # Start; a batch from 0 to 1; its step ends at 2; a verification; a batch from 50 to 51; the line of the log.
    now = iter([0.0, 0.0, 1.0, 2.0, 50.0, 51.0, 52.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    log = RunLog(tmp_path, steps=4, batch_size=64, start=0, writes=True)
    batches = log.timed(iter(["first", "second"]))
    next(batches)
    log.live(1)
    next(batches)
    log.step(2, METRIC_VALUES)
    log.close()
    (line,) = map(json.loads, (tmp_path / METRICS).read_text().splitlines())
    assert (line["images_per_second"], line["data_wait_share"]) == (32.0, 0.5)
    assert log.speed()["images_per_second"] == 32.0


def test_between_the_lines_of_the_log_the_live_line_shows_the_step(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("femb_cli.training.run.run_log.show_live_line", shown.append)
    now = iter([0.0, 10.0, 10.1, 20.0, 30.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    log = RunLog(tmp_path, steps=100, batch_size=64, start=0, writes=True)
    for step in (10, 11):  # the second is too early
        log.live(step)
    log.step(20, METRIC_VALUES)
    log.live(30)
    log.close()
    assert shown == [
        "step     10/100  64 img/s  eta 1m30s",
        "",
        "step     30/100  loss 18.241  lr 0.0951  64 img/s  eta 1m10s",
        "",
    ]


def test_other_ranks_write_nothing(tmp_path, caplog):
    caplog.set_level(logging.INFO, "femb")
    log = RunLog(tmp_path, steps=100, batch_size=64, start=0, writes=False)
    log.step(20, METRIC_VALUES)
    log.live(21)
    log.verifications(20, [{"benchmark": "lfw", "accuracy": 0.99, "eer": 0.0125, "auc": 0.999}])
    log.close()
    assert list(tmp_path.iterdir()) == []
    assert caplog.messages == []
