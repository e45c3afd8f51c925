"""The training loop."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from people import NETWORK, make_job, open_people_pairs, write_people
from PIL import Image
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from femb_cli.backbones import build_configured_backbone
from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import (
    CheckpointConfig,
    ColourConfig,
    GeometryConfig,
    ScheduleConfig,
    SGDConfig,
    ValidationConfig,
)
from femb_cli.data.loading.loader import ShuffledBatches
from femb_cli.errors import FembError
from femb_cli.headers import build_header
from femb_cli.training.loop import train
from femb_cli.training.run.run_log import SPEED_METRICS


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("people"))


def metrics_of(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def checkpoints_of(run):
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def test_the_weights_and_losses_are_those_of_a_plain_torch_loop(people, tmp_path):
    """The reference has no Accelerate, no threads, no log: it decodes, resizes, normalises and steps by hand."""
    job = make_job(tmp_path / "run", people, schedule=ScheduleConfig(name="constant"), clip_gradient=0.5)
    result = train(job, [])

    torch.manual_seed(42)
    backbone = build_configured_backbone(NETWORK).to(memory_format=torch.channels_last)
    classifier = MarginClassifier(build_header("arcface"), 8, 6)
    parameters = [*backbone.parameters(), *classifier.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=5e-4)
    losses = []
    for rows in ShuffledBatches(18, 6, start=0, stop=4, seed=42):
        files = [people / job.source.names[row] for row in rows]
        images = [np.asarray(Image.open(file).resize((112, 112), Image.Resampling.BICUBIC)) for file in files]
        pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
        pixels = torch.nn.functional.interpolate(pixels, size=(16, 16), mode="bilinear", antialias=True)
        inputs = (pixels / 255 - 0.5) / 0.5
        output = classifier(backbone(inputs), torch.tensor([row // 3 for row in rows.tolist()]))
        output.loss.backward()
        torch.nn.utils.clip_grad_norm_(backbone.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(output.loss.item())

    assert [line["loss"] for line in metrics_of(job.run)] == pytest.approx(losses, rel=1e-5)
    assert result.loss == pytest.approx(losses[-1], rel=1e-5)
    for file, module in (("model.safetensors", backbone), ("classifier.safetensors", classifier)):
        trained = load_file(job.run / "checkpoints/step-000004" / file)
        for name, expected in module.state_dict().items():
            torch.testing.assert_close(trained[name], expected, rtol=1e-3, atol=1e-5, msg=name)


def test_it_verifies_and_saves_every_so_many_steps_and_after_the_last(people, tmp_path):
    settings = {"validation": ValidationConfig(every=2), "checkpoint": CheckpointConfig(every=3, keep=99, best=None)}
    job = make_job(tmp_path / "run", people, steps=7, log_every=5, **settings)
    result = train(job, [open_people_pairs(tmp_path / "pairs.csv", people)])
    lines = metrics_of(job.run)
    assert [line["step"] for line in lines if "loss" in line] == [5, 7]
    assert [line["step"] for line in lines if "pairs.csv/accuracy" in line] == [2, 4, 6, 7]
    assert checkpoints_of(job.run) == ["step-000003", "step-000006", "step-000007"]
    assert [verification["benchmark"] for verification in result.verifications] == ["pairs.csv"]
    assert result.verifications[0]["accuracy"] == lines[-1]["pairs.csv/accuracy"]


def test_without_benchmarks_and_between_checkpoints_only_the_last_step_saves(people, tmp_path):
    job = make_job(tmp_path / "run", people)
    assert train(job, []).verifications == []
    assert checkpoints_of(job.run) == ["step-000004"]


def test_only_the_newest_checkpoints_stay(people, tmp_path):
    job = make_job(tmp_path / "run", people, checkpoint=CheckpointConfig(every=1, keep=2))
    train(job, [])
    assert checkpoints_of(job.run) == ["step-000003", "step-000004"]


def test_the_best_checkpoint_stays_beside_the_newest(people, tmp_path, monkeypatch):
    accuracies = iter([0.5, 0.9, 0.9, 0.8, 0.7])

    def validate(*_):
        return [{"benchmark": "lfw", "accuracy": next(accuracies), "eer": 0.1, "auc": 0.9}]

    monkeypatch.setattr("femb_cli.training.loop.validate", validate)
    settings = {"validation": ValidationConfig(every=1), "checkpoint": CheckpointConfig(every=2, keep=1)}
    train(make_job(tmp_path / "run", people, **settings), [])
    assert checkpoints_of(tmp_path / "run") == ["step-000002", "step-000004"]
    assert (tmp_path / "run/best").readlink() == Path("checkpoints/step-000002")
    train(make_job(tmp_path / "run", people, resumed=True, steps=5, **settings), [])
    assert checkpoints_of(tmp_path / "run") == ["step-000002", "step-000005"]


def test_a_logged_loss_is_the_mean_over_its_interval(people, tmp_path):
    every_step, every_other = (make_job(tmp_path / f"run{every}", people, log_every=every) for every in (1, 2))
    train(every_step, [])
    train(every_other, [])
    losses = [line["loss"] for line in metrics_of(every_step.run)]
    means = [line["loss"] for line in metrics_of(every_other.run)]
    assert means == pytest.approx([(losses[0] + losses[1]) / 2, (losses[2] + losses[3]) / 2])


def test_the_learning_rate_follows_the_schedule(people, tmp_path):
    job = make_job(tmp_path / "run", people, schedule=ScheduleConfig(name="polynomial", power=1.0))
    train(job, [])
    assert [line["lr"] for line in metrics_of(job.run)] == pytest.approx([0.05, 0.0375, 0.025, 0.0125])


def test_a_resumed_run_repeats_no_step_and_ends_with_the_same_weights(people, tmp_path):
    augmented = {"augment": (GeometryConfig(), ColourConfig()), "checkpoint": CheckpointConfig(every=2, keep=99)}
    unbroken = make_job(tmp_path / "unbroken", people, **augmented)
    train(unbroken, [])
    broken = make_job(tmp_path / "run", people, **augmented)
    train(broken, [])
    (broken.run / "checkpoints/step-000004").rename(tmp_path / "elsewhere")
    resumed = make_job(tmp_path / "run", people, resumed=True, **augmented)
    train(resumed, [])
    assert [line["step"] for line in metrics_of(resumed.run)] == [1, 2, 3, 4]
    ours, theirs = (load_file(job.run / "checkpoints/step-000004/model.safetensors") for job in (resumed, unbroken))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def resume_from(job, step, tmp_path, people, **settings):
    """Resume a run as if it had been killed after its checkpoint of `step`."""
    for later in job.run.glob("checkpoints/step-*"):
        if int(later.name.removeprefix("step-")) > step:
            later.rename(tmp_path / f"{job.run.name}-{later.name}")
    train(make_job(job.run, people, resumed=True, **settings), [])


def without_speed(run):
    return [{key: value for key, value in line.items() if key not in SPEED_METRICS} for line in metrics_of(run)]


def test_the_log_of_a_resumed_run_is_that_of_the_unbroken_one(people, tmp_path):
    """The checkpoint of step 4 falls into the interval of the steps 4 to 6."""
    settings = {"steps": 8, "log_every": 3, "checkpoint": CheckpointConfig(every=2, keep=99)}
    unbroken, broken = (make_job(tmp_path / name, people, **settings) for name in ("unbroken", "broken"))
    train(unbroken, [])
    train(broken, [])
    resume_from(broken, 4, tmp_path, people, **settings)
    assert without_speed(broken.run) == without_speed(unbroken.run)
    events = EventAccumulator(str(broken.run)).Reload()
    assert [event.step for event in events.Scalars("loss")] == [3, 6, 8]


def test_a_run_that_was_killed_after_its_last_step_only_verifies(people, tmp_path):
    pairs = [open_people_pairs(tmp_path / "pairs.csv", people)]
    job = make_job(tmp_path / "run", people)
    done = train(job, pairs)
    lines, weights = metrics_of(job.run), (job.run / "checkpoints/step-000004/model.safetensors").stat().st_mtime_ns
    again = train(make_job(tmp_path / "run", people, resumed=True), pairs)
    assert (again.loss, again.verifications) == (done.loss, done.verifications)
    assert metrics_of(job.run) == lines
    assert (job.run / "checkpoints/step-000004/model.safetensors").stat().st_mtime_ns == weights


def test_a_kill_before_the_deletion_of_old_checkpoints_is_made_good(people, tmp_path):
    train(make_job(tmp_path / "run", people, checkpoint=CheckpointConfig(every=2, keep=9)), [])
    assert checkpoints_of(tmp_path / "run") == ["step-000002", "step-000004"]
    train(make_job(tmp_path / "run", people, resumed=True, checkpoint=CheckpointConfig(every=2, keep=1)), [])
    assert checkpoints_of(tmp_path / "run") == ["step-000004"]


def test_a_full_disk_leaves_the_older_checkpoints_and_says_how_to_go_on(people, tmp_path, monkeypatch):
    def sync_tree(folder):
        if "step-000004" in folder.name:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("femb_cli.files.sync_tree", sync_tree)
    job = make_job(tmp_path / "run", people, checkpoint=CheckpointConfig(every=2, keep=1))
    with pytest.raises(FembError, match=r"cannot write .*step-000004: No space left on device") as caught:
        train(job, [])
    assert f"--resume {job.run}" in caught.value.hint
    assert checkpoints_of(job.run) == ["step-000002"]


def test_a_loss_that_is_not_finite_ends_the_training(people, tmp_path):
    """The weights after step 1 are huge, so the loss of step 2 is the first that is not finite."""
    settings = {"optimizer": SGDConfig(lr=1e30), "clip_gradient": None, "log_every": 4}
    job = make_job(tmp_path / "run", people, **settings)
    with pytest.raises(FembError, match=r"the loss is (nan|inf) at step 2 \(learning rate .*\): .* diverged") as caught:
        train(job, [])
    assert "--lr" in caught.value.hint
    assert checkpoints_of(job.run) == []
    found = json.loads((job.run / "divergence.json").read_text())
    assert (found["step"], len(found["images"])) == (2, 6)
    assert {image["name"] for image in found["images"]} <= set(job.source.names)
    assert "divergence.json" in caught.value.message


def test_the_loss_is_looked_at_before_a_checkpoint_also_if_the_log_is_rarer(people, tmp_path):
    settings = {"optimizer": SGDConfig(lr=1e30), "clip_gradient": None, "log_every": 4}
    job = make_job(tmp_path / "run", people, checkpoint=CheckpointConfig(every=2), **settings)
    with pytest.raises(FembError, match="at step 2"):
        train(job, [])
    assert checkpoints_of(job.run) == []


def test_a_finished_run_has_no_step_left(people, tmp_path):
    job = make_job(tmp_path / "run", people)
    train(job, [])
    again = train(make_job(tmp_path / "run", people, resumed=True), [])
    assert again.loss == metrics_of(job.run)[-1]["loss"]
    assert [line["step"] for line in metrics_of(job.run)] == [1, 2, 3, 4]


def test_the_average_of_the_weights_is_saved_and_resumed(people, tmp_path):
    """The average moves with the weights of a run without one, and a resumed run has it in every bit."""
    settings = {"checkpoint": CheckpointConfig(every=1, keep=99)}
    plain, unbroken = (
        make_job(tmp_path / name, people, ema=ema, **settings) for name, ema in (("a", None), ("b", 0.3))
    )
    train(plain, [])
    train(unbroken, [])
    average = None
    for step in range(1, 5):
        name = f"checkpoints/step-{step:06}"
        weight = load_file(plain.run / name / "model.safetensors")["fc.weight"]
        torch.testing.assert_close(load_file(unbroken.run / name / "state/backbone.safetensors")["fc.weight"], weight)
        decay = min(0.3, step / (9 + step))
        average = weight if average is None else decay * average + (1 - decay) * weight
        torch.testing.assert_close(load_file(unbroken.run / name / "model.safetensors")["fc.weight"], average)
    (unbroken.run / "checkpoints/step-000004").rename(tmp_path / "elsewhere")
    train(make_job(tmp_path / "b", people, resumed=True, ema=0.3, **settings), [])
    for file in ("model.safetensors", "state/backbone.safetensors"):
        expected, actual = (load_file(folder / file) for folder in (tmp_path / "elsewhere", unbroken.run / name))
        assert all(torch.equal(actual[key], value) for key, value in expected.items())


def test_a_frozen_backbone_stays_as_it_is_while_class_weights_are_trained(people, tmp_path):
    job = make_job(tmp_path / "run", people, freeze=("backbone",), checkpoint=CheckpointConfig(every=2, keep=99))
    train(job, [])
    for file, stays in (("model.safetensors", True), ("classifier.safetensors", False)):
        before, after = (load_file(job.run / f"checkpoints/step-00000{step}" / file) for step in (2, 4))
        assert all(torch.equal(after[name], value) for name, value in before.items()) == stays


@pytest.mark.parametrize("micro_batches", [2, 3])
def test_micro_batches_of_a_network_without_batch_statistics_are_one_batch(people, tmp_path, micro_batches):
    whole = make_job(tmp_path / "whole", people, freeze=("batch_norms",), precision="fp64")
    parts = make_job(tmp_path / "parts", people, freeze=("batch_norms",), precision="fp64", micro_batches=micro_batches)
    for job in (whole, parts):
        train(job, [])
    for line, expected in zip(metrics_of(parts.run), metrics_of(whole.run), strict=True):
        for name in ("loss", "gradient_norm", "magnitude"):
            assert line[name] == pytest.approx(expected[name], rel=1e-10)
    expected, actual = (load_file(run / "checkpoints/step-000004/model.safetensors") for run in (whole.run, parts.run))
    for name, value in expected.items():
        torch.testing.assert_close(actual[name], value, rtol=1e-10, atol=1e-12)
