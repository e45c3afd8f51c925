"""The official trainings of a linear network, sixty steps of three heads, repeated by the training loop in float64."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from people import NETWORK, write_people
from torch import nn

from femb_cli.backbones import Backbone
from femb_cli.config.load import load_config
from femb_cli.data.loading.loader import TrainingBatch
from femb_cli.data.open import open_source
from femb_cli.training import loop
from femb_cli.training.planning.job import TrainJob
from femb_cli.training.planning.plan import Plan
from femb_cli.training.planning.softmax_plan import plan_softmax

MAGFACE = ("l_a", "u_a", "l_margin", "u_margin", "lambda_g", "easy_margin")
HEADERS = {
    "at_arcface": ({"name": "arcface", "gradient": "official"}, {"scale": "s", "margin": "m2"}),
    "elastic_arc": ({"name": "elasticface", "kind": "arc"}, {"scale": "s", "margin": "m", "std": "std"}),
    "magface": ({"name": "magface"}, {"scale": "s"} | {key: key for key in MAGFACE}),
}
METRICS = {"traj_ce": "cross_entropy", "traj_total": "loss", "traj_mean_norm": "magnitude"}


class Linear(Backbone):
    """A linear network of given inputs; the first two bytes of an image are the number of its input."""

    def __init__(self, inputs: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> None:
        super().__init__()
        self.embedding_dim, self.input_size = len(weight), NETWORK.input_size
        self.inputs = torch.from_numpy(inputs).double().flatten(0, 1)
        self.weight, self.bias = nn.Parameter(torch.tensor(weight)), nn.Parameter(torch.tensor(bias))

    def forward(self, images_B3HW):
        low, high, _ = ((images_B3HW[:, :, 0, 0] / 2 + 0.5) * 255).round().long().unbind(1)
        return F.linear(self.inputs[low + 256 * high], self.weight, self.bias)


def batches_of(labels):
    for step, labels_B in enumerate(labels):
        rows = np.arange(len(labels_B)) + step * len(labels_B)
        images = np.zeros((len(labels_B), NETWORK.input_size, NETWORK.input_size, 3), np.uint8)
        images[..., 0], images[..., 1] = (rows % 256)[:, None, None], (rows // 256)[:, None, None]
        yield TrainingBatch(torch.from_numpy(images), torch.from_numpy(labels_B), rows)


def train(golden, name, folder, monkeypatch):
    """Train; return the lines of the log, and the state after the last step."""
    header, stored = HEADERS[name]
    steps, batch_size = golden["y"].shape
    settings = {
        "header": header | {key: golden[source].item() for key, source in stored.items()},
        "backbone": {"name": NETWORK.name, "embedding_dim": golden["A0"].shape[0], "input_size": NETWORK.input_size},
        "optimizer": {"name": "sgd", **{key: golden[key].item() for key in ("lr", "momentum", "weight_decay")}},
        "schedule": {"name": "step", "milestones": [f"{golden['lr_drop_step']} steps"]},
        **{"clip_gradient": None, "precision": "fp64", "augment": [], "log_every": 1},
        **{"batch_size": batch_size, "steps": steps},
    }
    config = load_config(None, overrides=settings)
    num_identities = len(golden["W0"])
    softmax = plan_softmax(config, num_identities=num_identities, processes=1)
    plan = Plan(999, num_identities, batch_size, 1, 10, steps, softmax)
    (folder / "run/checkpoints").mkdir(parents=True)
    job = TrainJob(config, plan, folder / "run", open_source(write_people(folder / "people")), device="cpu")
    build_state, saved = loop.build_state, []

    def build(*arguments):
        state, card = build_state(*arguments)
        network = Linear(golden["X"], golden["A0"], golden["b0"])
        state.classifier.weight.data = torch.tensor(golden["W0"]).double()
        if "margins" in golden:
            draws = iter(torch.from_numpy(golden["margins"]))
            state.classifier.header.draw_margins = lambda cosine_B: next(draws)
        state.optimizer.param_groups.clear()
        state.optimizer.add_param_group({"params": [*network.parameters(), state.classifier.weight]})
        state.backbone = network
        return state, card

    monkeypatch.setattr(loop, "build_state", build)
    monkeypatch.setattr(loop, "open_batches", lambda *_: batches_of(golden["y"]))
    monkeypatch.setattr(loop, "_save", lambda state, *_: saved.append(state))  # a checkpoint is of femb's networks
    loop.train(job, [])
    return [json.loads(line) for line in (job.run / "metrics.jsonl").read_text().splitlines()], saved[-1]


@pytest.mark.parametrize("name", HEADERS)
def test_the_loop_trains_as_the_official_code(shared, tmp_path, monkeypatch, name):
    with np.load(shared / "golden/heads" / f"traj_{name}.npz") as file:
        golden = dict(file)
    lines, state = train(golden, name, tmp_path, monkeypatch)
    final = {"A_final": state.backbone.weight, "b_final": state.backbone.bias, "W_final": state.classifier.weight}
    actual = {key: np.array([line[metric] for line in lines]) for key, metric in METRICS.items()}
    actual |= {key: value.detach().numpy() for key, value in final.items()}
    for key, value in actual.items():
        assert np.abs(value - golden[key]).max() <= 1e-9 * np.abs(golden[key]).max(), key
