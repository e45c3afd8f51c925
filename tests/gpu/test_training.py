"""Training on a GPU: the CPU's numbers, each precision, resuming, and what the log says of the GPU."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from chosen_device import DEVICE, needs_a_gpu, train_on
from people import NETWORK, make_job, open_people_pairs
from safetensors.torch import load_file

from femb_cli.config.schema import (
    CheckpointConfig,
    ClassifierConfig,
    ColourConfig,
    GeometryConfig,
    MobileFaceNetConfig,
    ScheduleConfig,
    ViTConfig,
)
from femb_cli.runtime.devices import peak_memory_gb
from femb_cli.runtime.peak_rate import peak_rate
from femb_cli.training import loop
from femb_cli.training.build import build_accelerator
from femb_cli.training.run.run_log import SPEED_METRICS

pytestmark = pytest.mark.gpu

SAME_RATE = {"schedule": ScheduleConfig(name="constant")}
EXACT = {"backbone": replace(NETWORK, input_size=112, dropout=0.3), "precision": "fp64"}
"""Nothing is rounded to float32: pixels of the size on disk are not resized."""
AUGMENTED = (GeometryConfig(), ColourConfig())
EVERY_STEP = CheckpointConfig(every=1, keep=99)
CLASSIFIERS = {
    "plain": ClassifierConfig(),
    "fused": ClassifierConfig(chunk=2),
    "in blocks": ClassifierConfig(chunk=2, fused_update=False),
    "sampled": ClassifierConfig(chunk=2, sample_rate=0.5),
}
each_classifier = pytest.mark.parametrize("classifier", CLASSIFIERS.values(), ids=CLASSIFIERS)


@pytest.fixture
def deterministic(monkeypatch):
    """cuDNN takes the algorithms that give the same bits each time; by default it takes the fastest."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


def on_both(folder: Path, people: Path, **settings: object) -> tuple[Path, Path]:
    """Train on the CPU and on the GPU."""
    return train_on("cpu", folder / "cpu", people, **settings), train_on(DEVICE, folder / "gpu", people, **settings)


def log_of(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in SPEED_METRICS} for line in lines]


def tensors_of(run: Path, step: int = 4) -> dict[str, torch.Tensor]:
    files = (run / f"checkpoints/step-{step:06}" / name for name in ("model.safetensors", "classifier.safetensors"))
    return {f"{file.stem} {name}": tensor for file in files for name, tensor in load_file(file).items()}


def assert_equal_runs(run: Path, other: Path, rounding: float) -> None:
    """Compare logs and weights; a rounding of 0 means the same bits."""
    log, expected_log = log_of(run), log_of(other)
    assert len(log) == len(expected_log) == 4
    for line, expected in zip(log, expected_log, strict=True):
        assert line == (pytest.approx(expected, rel=rounding) if rounding else expected)
    tensors, expected_tensors = tensors_of(run), tensors_of(other)
    assert list(tensors) == list(expected_tensors)
    for name, expected in expected_tensors.items():
        torch.testing.assert_close(tensors[name], expected, rtol=rounding, atol=rounding, msg=name)


@each_classifier
def test_float64_training_has_the_numbers_of_the_cpu(people, tmp_path, classifier):
    on_cpu, on_gpu = on_both(tmp_path, people, classifier=classifier, **EXACT)
    assert_equal_runs(on_gpu, on_cpu, 1e-7)


@pytest.mark.parametrize(
    "backbone",
    [MobileFaceNetConfig(embedding_dim=8, input_size=32), ViTConfig(embedding_dim=8, input_size=36)],
    ids=lambda config: config.name,
)
def test_other_networks_have_the_losses_of_the_cpu(people, tmp_path, backbone):
    """In float64 but for the resizing of the images."""
    expected, losses = (
        [line["loss"] for line in log_of(run)]
        for run in on_both(tmp_path, people, backbone=backbone, precision="fp64", **SAME_RATE)
    )
    assert losses == pytest.approx(expected, rel=1e-3)


def test_float32_training_has_the_losses_of_the_cpu_to_rounding(people, tmp_path):
    expected, found = map(log_of, on_both(tmp_path, people, augment=AUGMENTED, ema=0.5))
    for name, rounding in (("loss", 1e-3), ("magnitude", 1e-2), ("gradient_norm", 1e-2)):
        values = [line[name] for line in expected]
        assert [line[name] for line in found] == pytest.approx(values, rel=rounding), name


@pytest.mark.parametrize("precision", ["tf32", "bf16", pytest.param("fp16", marks=needs_a_gpu)])
def test_the_loss_falls_in_each_precision(people, tmp_path, precision):
    pairs = open_people_pairs(tmp_path / "pairs.csv", people)
    run = train_on(DEVICE, tmp_path / "run", people, benchmarks=[pairs], precision=precision, steps=40, **SAME_RATE)
    losses = torch.tensor([line["loss"] for line in log_of(run) if "loss" in line])
    assert len(losses) == 40
    assert losses.isfinite().all()
    assert losses[-6:].mean() < 0.8 * losses[:6].mean()


@needs_a_gpu
def test_a_float16_step_whose_gradient_overflows_is_left_out_and_the_run_goes_on(people, tmp_path, monkeypatch):
    """The second gradient of one layer is made infinite. Steps before and after may overflow by themselves."""
    original, calls = loop.build_state, []

    def build_state(*arguments):
        state, card = original(*arguments)

        def overflow(gradient):
            calls.append(len(calls) + 1)
            return gradient * torch.inf if calls[-1] == 2 else gradient

        state.backbone.fc.weight.register_hook(overflow)
        return state, card

    monkeypatch.setattr(loop, "build_state", build_state)
    run = train_on(DEVICE, tmp_path / "run", people, precision="fp16", steps=16, checkpoint=EVERY_STEP)
    scales = [
        torch.load(run / f"checkpoints/step-{step:06}/state/scaler.pt", weights_only=True)["scale"]
        for step in (1, 2, 16)
    ]
    assert scales[1] == scales[0] / 2
    assert scales[2] >= 1
    before, after, last = (
        {name: tensor for name, tensor in tensors_of(run, step).items() if "running" not in name and "num_" not in name}
        for step in (1, 2, 16)
    )
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert not any(torch.equal(last[name], after[name]) for name in ("model fc.weight", "classifier weight"))
    assert all(tensor.isfinite().all() for tensor in last.values())


@pytest.mark.slow
def test_a_compiled_training_has_the_losses_of_a_plain_one_and_its_tensors(people, tmp_path):
    backbone = replace(NETWORK, dropout=0.3)
    plain, compiled = (
        train_on(DEVICE, tmp_path / name, people, backbone=backbone, compile=name == "compiled")
        for name in ("plain", "compiled")
    )
    expected, found = log_of(plain), log_of(compiled)
    assert [line["loss"] for line in found] == pytest.approx([line["loss"] for line in expected], rel=1e-3)
    assert list(tensors_of(compiled)) == list(tensors_of(plain))


@each_classifier
def test_equal_runs_are_equal_bits_where_cudnn_is_deterministic(people, tmp_path, deterministic, classifier):
    settings = {"classifier": classifier, "augment": AUGMENTED, **SAME_RATE}
    for name in ("a", "b"):
        train_on(DEVICE, tmp_path / name, people, **settings)
    assert_equal_runs(tmp_path / "a", tmp_path / "b", 0.0)


def test_equal_runs_are_equal_to_rounding_with_cudnns_fastest_algorithms(people, tmp_path):
    """Some sums of cuDNN's convolutions, in the backward pass, have an order that changes."""
    first, second = (log_of(train_on(DEVICE, tmp_path / name, people)) for name in ("a", "b"))
    assert [line["loss"] for line in first] == pytest.approx([line["loss"] for line in second], rel=1e-3)


@each_classifier
def test_a_resumed_run_ends_with_the_bits_of_an_unbroken_one(people, tmp_path, deterministic, classifier):
    settings = {"classifier": classifier, "augment": AUGMENTED, **SAME_RATE}
    train_on(DEVICE, tmp_path / "unbroken", people, **settings)
    train_on(DEVICE, tmp_path / "resumed", people, steps=2, **settings)
    train_on(DEVICE, tmp_path / "resumed", people, resumed=True, **settings)
    assert_equal_runs(tmp_path / "resumed", tmp_path / "unbroken", 0.0)


@needs_a_gpu
def test_a_resumed_float16_run_keeps_the_scale_of_its_loss(people, tmp_path, deterministic):
    settings = {"precision": "fp16", **SAME_RATE}
    train_on(DEVICE, tmp_path / "unbroken", people, **settings)
    train_on(DEVICE, tmp_path / "resumed", people, steps=2, **settings)
    train_on(DEVICE, tmp_path / "resumed", people, resumed=True, **settings)
    assert_equal_runs(tmp_path / "resumed", tmp_path / "unbroken", 0.0)


@pytest.mark.parametrize("first, second", [(DEVICE, "cpu"), ("cpu", DEVICE)], ids=["on to the CPU", "on to the GPU"])
def test_a_run_goes_on_on_the_other_device(people, tmp_path, first, second):
    settings = {"classifier": CLASSIFIERS["fused"], **EXACT, **SAME_RATE}
    train_on("cpu", tmp_path / "unbroken", people, **settings)
    train_on(first, tmp_path / "resumed", people, steps=2, **settings)
    train_on(second, tmp_path / "resumed", people, resumed=True, **settings)
    assert_equal_runs(tmp_path / "resumed", tmp_path / "unbroken", 1e-7)


def test_the_log_states_the_share_of_a_known_peak_and_the_devices_own_memory(people, tmp_path):
    run = train_on(DEVICE, tmp_path / "run", people, precision="bf16")
    line = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    device = torch.device(DEVICE)
    assert ("mfu" in line) == (peak_rate(device, "bf16") is not None)
    assert 0 <= line.get("mfu", 0) < 1
    peak = torch.cuda.max_memory_allocated() / 1e9 if DEVICE == "cuda" else peak_memory_gb(device)
    assert line["peak_memory_gb"] == pytest.approx(peak, abs=2e-3)


def test_a_job_without_a_device_trains_on_the_gpu(people, tmp_path):
    job = make_job(tmp_path / "run", people, device=None if DEVICE == "cuda" else "cpu")
    assert build_accelerator(job.config, job.device).device.type == DEVICE
