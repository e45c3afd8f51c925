"""Replay the official trainings of `golden/recipes` with femb: its configurations, its state and its loop, in float64.

The configuration is a shipped recipe, of which a case changes what makes it small: depth, image size, batch, length,
dropout. The initial weights, the images and drawn margins are the case's.
"""

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from people import write_people
from safetensors.torch import load_file

from femb_cli.checkpoints.official.networks.ir import IR
from femb_cli.checkpoints.runs import checkpoint_path
from femb_cli.config.load import load_config
from femb_cli.config.schema import TrainConfig
from femb_cli.data.loading.loader import TrainingBatch
from femb_cli.data.open import open_source
from femb_cli.training import loop
from femb_cli.training.planning.job import TrainJob
from femb_cli.training.planning.plan import Plan
from femb_cli.training.planning.softmax_plan import plan_softmax

SHIPPED = {
    "at_arcface": ("arcface_r50_ms1mv3", {}),
    "at_arcface_112": ("arcface_r50_ms1mv3", {}),
    "at_arcface_warmup": (
        "arcface_r50_ms1mv3",
        {"schedule.warmup": "1 epoch", "schedule.first_warmup_step": "full"},
    ),
    "at_arcface_acc2": ("arcface_r50_ms1mv3", {"micro_batches": 2, "accumulate": "official"}),
    "at_cosface": ("cosface_r50_glint360k", {}),
    "at_vit_adamw": (
        "cosface_vit_t_wf42m",
        {"schedule.warmup": "1 epoch", "schedule.first_warmup_step": "full", "classifier.sample_rate": 1.0},
    ),
    "magface": ("magface_r50_ms1mv2", {"schedule.milestones": ["1 epoch", "2 epochs"]}),
    "magface_112": ("magface_r50_ms1mv2", {"schedule.milestones": ["1 epoch", "2 epochs"]}),
    "elastic_arc": ("elasticface_arc_r100_ms1mv2", {"schedule.milestones": ["1 epoch", "2 epochs"]}),
    "adaface_ir18": ("adaface_ir101_ms1mv2", {"schedule.milestones": ["1 epoch", "2 epochs"]}),
    "adaface_r18": (
        "adaface_ir101_ms1mv2",
        {"schedule.milestones": ["1 epoch", "2 epochs"], "backbone.last_norm": "trained_bias"},
    ),
    "seed_arcface": ("seed_arcface_r50_ms1mv2", {}),
}
"""The shipped recipe of each case, and where the case differs from it on purpose."""


@dataclass(frozen=True)
class Replay:
    """What femb computed.

    Attributes:
        series: the values of each step, by their names in the figures.
        final: the tensors of the last checkpoint under their official names and in their official shapes.
    """

    series: dict[str, list[float]]
    final: dict[str, np.ndarray]


class Case:
    """One of the official trainings.

    Args:
        shared: the directory of the reference values.
        name: of the case.
    """

    def __init__(self, shared: Path, name: str) -> None:
        folder = shared / "golden/recipes"
        self.inputs = _load_module(folder / "make_inputs.py")
        self.values: dict[str, Any] = {"gradient_acc": 1, **json.loads((folder / f"cases/{name}.json").read_text())}
        with np.load(folder / f"expected/{name}.npz") as file:
            self.expected = dict(file)

    def compare(self, replay: Replay) -> dict[str, float]:
        """Return the largest deviations by kind."""
        # A step of two micro-batches has one gradient and one rate: the figures have them in the row of the second.
        every = slice(self.values["gradient_acc"] - 1, None, self.values["gradient_acc"])
        expected = {key: self.expected[key] if key == "loss" else self.expected[key][every] for key in replay.series}
        return self.inputs.compare(self.values, {**self.expected, **expected}, replay.series, replay.final)

    def config(self) -> TrainConfig:
        """Return the shipped recipe in the size of the case."""
        values = self.values
        name, changes = SHIPPED[values["name"]]
        micro_batches = changes.get("micro_batches", 1)
        small = {
            "backbone.input_size": values["side"],
            "batch_size": values["batch"] * micro_batches,
            "optimizer.lr": values["lr"],
            "steps": values["steps"] // micro_batches,
            "precision": "fp64",
            "augment": [],
            "log_every": 1,
        }
        if "vit" in values["network"]:
            small |= {"backbone.drop_path": 0.0}
        else:
            depth = "ir18" if values["network"] == "ir_18" else "iresnet18"
            small |= {"backbone.name": depth, "backbone.dropout": 0.0}
        return load_config(name, overrides={**small, **changes})

    def replay(self, folder: Path, monkeypatch) -> Replay:
        """Train with femb's loop on the inputs of the case."""
        config = self.config()
        per_epoch = self.values["steps_per_epoch"] / config.micro_batches
        softmax = plan_softmax(config, num_identities=24, processes=1)
        plan = Plan(999, 24, config.batch_size, 1, per_epoch, config.steps, softmax)
        (folder / "run/checkpoints").mkdir(parents=True)
        job = TrainJob(config, plan, folder / "run", open_source(write_people(folder / "people")), device="cpu")
        losses, norms = self._prepare(monkeypatch)
        loop.train(job, [])
        lines = [json.loads(line) for line in (job.run / "metrics.jsonl").read_text().splitlines()]
        lr = [line["lr"] for line in lines]
        series = {"loss": losses, "grad_norm_backbone": [line["gradient_norm"] for line in lines]}
        series["grad_norm_classifier"] = norms
        return Replay({**series, "lr": lr}, self._official(checkpoint_path(job.run, config.steps)))

    def _prepare(self, monkeypatch) -> tuple[list[float], list[float]]:
        """Give the loop the case's inputs; return lists that it fills with losses and gradient norms."""
        losses: list[float] = []
        norms: list[float] = []
        build_state = loop.build_state

        def build(*arguments):
            state, card = build_state(*arguments)
            self._load(state)
            state.classifier.register_forward_hook(lambda *call: losses.append(call[2].loss.item()))
            if "margin_draws" in self.values:
                draws = iter(range(self.values["steps"]))
                state.classifier.header.draw_margins = lambda cosine_B: torch.from_numpy(
                    self.inputs.make_margins(self.values, next(draws))
                )
            weight = state.classifier.weight
            state.optimizer.register_step_pre_hook(lambda *_: norms.append(weight.grad.norm().item()))
            return state, card

        monkeypatch.setattr(loop, "build_state", build)
        monkeypatch.setattr(loop, "open_batches", lambda *_: self._batches())
        return losses, norms

    def _batches(self) -> Iterator[TrainingBatch]:
        labels = torch.from_numpy(self.inputs.make_labels(self.values))
        for step in range(self.values["steps"]):
            images = torch.from_numpy(self.inputs.make_images(self.values, step))
            yield TrainingBatch(images, labels[step], np.arange(len(images)))

    def _load(self, state) -> None:
        """Load the initial weights."""
        official = {
            f"{role}.{key}": torch.from_numpy(np.asarray(value))
            for role in ("backbone", "classifier")
            for key, value in self.inputs.make_state_dict(self.values, role).items()
        }
        own = {**_named("backbone", state.backbone), **_named("classifier", state.classifier)}
        names = self._names(list(official))
        for name in names:
            target = own.pop(names[name])
            target.copy_(_in_shape(official[name], target.shape))
        # A femb network with a fixed last norm has its weight and bias, which stay 1 and 0.
        assert set(own) <= {"backbone.features.weight", "backbone.features.bias"}

    def _official(self, checkpoint: Path) -> dict[str, np.ndarray]:
        """Return a checkpoint's tensors under their official names."""
        own = {f"backbone.{key}": value for key, value in load_file(checkpoint / "model.safetensors").items()}
        own |= {f"classifier.{key}": value for key, value in load_file(checkpoint / "classifier.safetensors").items()}
        names = self._names(self.expected["names"].tolist())
        shapes = {
            f"{role}.{row[0]}": tuple(row[1]) for role, rows in self.values["state_dicts"].items() for row in rows
        }
        final = {official: own[name].numpy() for official, name in names.items()}
        return {name: _in_shape(value, shapes[name]) for name, value in final.items()}

    def _names(self, official: list[str]) -> dict[str, str]:
        """Return femb's names of official tensors; AdaFace's `t` is a buffer that its code never reads."""
        ours = {name: name for name in official if name != "classifier.t"}
        if self.values["network"] == "ir_18":
            backbone = {name.removeprefix("backbone."): name for name in official if name.startswith("backbone.")}
            shapes = {row[0]: tuple(row[1]) for row in self.values["state_dicts"]["backbone"]}
            renamed = IR.rename({name: torch.empty(shapes[name]) for name in backbone}, 1e-5)
            assert len(renamed) >= len(backbone)
            ours |= {f"backbone.{theirs}": f"backbone.{own}" for theirs, own in zip(backbone, renamed, strict=False)}
        for name in ours:
            role, _, key = name.partition(".")
            if role == "classifier":
                ours[name] = "classifier.weight" if key in ("weight", "kernel", "fc.weight") else name
                if key in ("batch_mean", "batch_std"):
                    ours[name] = f"classifier.header.{key}"
        return ours


def _in_shape(value, shape):
    """Return class weights in the other orientation, and one number as a scalar or as a vector of one."""
    if value.shape == tuple(shape):
        return value
    return value.T if value.ndim == 2 else value.reshape(tuple(shape))


def _named(role: str, module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {f"{role}.{name}": value for name, value in module.state_dict().items()}


def _load_module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
