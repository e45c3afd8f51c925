"""Sixty training steps of the official implementations, in float64, repeated with femb."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header

# Largest error of an array relative to its largest absolute value.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}

MAGFACE = ("l_a", "u_a", "l_margin", "u_margin", "lambda_g", "easy_margin")
# By file: the header, its parameters that are not in the file, and the names of the others there.
TRAJECTORIES = {
    "at_arcface": ("arcface", {"gradient": "official"}, {"scale": "s", "margin": "m2"}),
    "elastic_arc": ("elasticface", {"kind": "arc"}, {"scale": "s", "margin": "m", "std": "std"}),
    "magface": ("magface", {}, {"scale": "s"} | {key: key for key in MAGFACE}),
}
TRAININGS = [(name, dtype) for name in TRAJECTORIES for dtype in TOLERANCE]


def name_of(training):
    return "-".join(map(str, training))


@pytest.fixture(scope="module", params=TRAININGS, ids=name_of)
def replay(shared, request):
    """The results in the file, those of femb, and the tolerance."""
    name, dtype = request.param
    with np.load(shared / "golden/heads" / f"traj_{name}.npz") as file:
        golden = dict(file)
    return golden, train(golden, build_from(golden, *TRAJECTORIES[name]), dtype), TOLERANCE[dtype]


def build_from(golden, name, parameters, stored):
    header = build_header(name, **parameters, **{key: golden[source].item() for key, source in stored.items()})
    if "margins" in golden:
        draws = iter(torch.from_numpy(golden["margins"]))
        header.draw_margins = lambda cosine_B: next(draws).to(cosine_B)
    return header


def train(golden, header, dtype):
    """Train a linear backbone and the class weights; return each step's metrics and the final weights, as stored."""
    weight, bias = (torch.tensor(golden[key], dtype=dtype, requires_grad=True) for key in ("A0", "b0"))
    classifier = MarginClassifier(header, *golden["W0"].shape[::-1]).to(dtype)
    classifier.weight.data = torch.tensor(golden["W0"], dtype=dtype)
    settings = {key: golden[key].item() for key in ("lr", "momentum", "weight_decay")}
    optimizer = torch.optim.SGD([weight, bias, classifier.weight], **settings)
    steps = []
    for step, (inputs, labels) in enumerate(zip(golden["X"], golden["y"], strict=True)):
        if step == golden["lr_drop_step"]:
            optimizer.param_groups[0]["lr"] *= golden["lr_drop_factor"].item()
        output = classifier(F.linear(torch.from_numpy(inputs).to(dtype), weight, bias), torch.from_numpy(labels))
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
        metrics = (output.cross_entropy, output.loss, output.magnitude, output.regularizer)
        steps.append([metric.item() for metric in metrics])
    names = ("traj_ce", "traj_total", "traj_mean_norm", "regularizer")
    final = {"A_final": weight, "b_final": bias, "W_final": classifier.weight}
    return dict(zip(names, np.array(steps).T, strict=True)) | {key: value.detach() for key, value in final.items()}


def assert_close(actual, expected, tolerance):
    error = np.abs(np.asarray(actual) - expected).max() / np.abs(expected).max()
    assert error <= tolerance


@pytest.mark.parametrize("metric", ["traj_ce", "traj_total", "traj_mean_norm"])
def test_every_step_has_the_official_metrics(replay, metric):
    golden, actual, tolerance = replay
    assert_close(actual[metric], golden[metric], tolerance)


@pytest.mark.parametrize("part", ["A_final", "b_final", "W_final"])
def test_training_ends_at_the_official_weights(replay, part):
    golden, actual, tolerance = replay
    assert_close(actual[part], golden[part], tolerance)


@pytest.mark.parametrize("replay", [("magface", dtype) for dtype in TOLERANCE], indirect=True, ids=name_of)
def test_every_step_has_the_official_regularizer(replay):
    golden, actual, tolerance = replay
    assert_close(actual["regularizer"], golden["lambda_g"] * golden["traj_loss_g"], tolerance)
