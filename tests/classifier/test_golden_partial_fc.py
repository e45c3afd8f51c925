"""Results of arcface_torch's Partial FC on one, two and three processes, in float64."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
import torch.distributed as distributed
from torch.nn import Linear
from torch.nn.parallel import DistributedDataParallel

from femb_cli.classifier import MarginClassifier
from femb_cli.headers import build_header

# Largest error of an array relative to its largest absolute value.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 3e-5}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
FILES = [f"pfc_w{w}_{margin}_{rate}" for w in (1, 2, 3) for margin in ("arc", "cos") for rate in ("r10", "r03")]
EVERY_FILE = pytest.mark.parametrize("name", FILES)


def load(shared, name):
    with np.load(shared / "golden/heads" / f"{name}.npz") as file:
        return dict(file)


def classifier_of(golden, dtype):
    """This process's part of the classifier, before the first step."""
    if golden["m3"] > 0:
        header = build_header("cosface", scale=golden["s"].item(), margin=golden["m3"].item())
    else:
        header = build_header("arcface", scale=golden["s"].item(), margin=golden["m2"].item(), gradient="official")
    num_identities, dim = golden["W0"].shape
    rate = golden["sample_rate"].item()
    classifier = MarginClassifier(header, dim, num_identities, sample_rate=rate, sparse_gradient=False).to(dtype)
    set_weight(classifier, golden["W0"])
    return classifier


def set_weight(classifier, weight):
    local = weight[classifier.shard.start : classifier.shard.stop]
    classifier.weight.data = torch.from_numpy(local).to(classifier.weight.dtype)


def samples_of(golden):
    """Which rows of a batch are this process's."""
    rank = distributed.get_rank() if distributed.is_initialized() else 0
    size = golden["batch_per_rank"].item()
    return slice(rank * size, (rank + 1) * size)


def stored_draws(golden, classifier, step):
    """Replace the random numbers of the classifier by those of the file."""
    draws = golden["draws"][step] if "draws" in golden else np.full(golden["W0"].shape[:1], np.nan)
    local = torch.from_numpy(draws[classifier.shard.start : classifier.shard.stop])
    return patch("torch.rand", lambda *_, **__: local.clone())


def single_steps(golden, dtype):
    """Loss and gradients of every stored step, named as in the files."""
    classifier, local, steps = classifier_of(golden, dtype), samples_of(golden), []
    for step, labels in enumerate(golden["y"]):
        set_weight(classifier, golden["W"][step])
        embeddings = torch.from_numpy(golden["E"][step, local]).to(dtype).requires_grad_()
        with stored_draws(golden, classifier, step):
            loss = classifier(embeddings, torch.from_numpy(labels[local])).loss
        gradients = torch.autograd.grad(loss, [embeddings, classifier.weight])
        steps.append({"loss_total": loss.detach()[None], "dE": gradients[0], "dW": gradients[1]})
    return {name: torch.stack([step[name] for step in steps]).numpy() for name in steps[0]}


def whole_run(golden, dtype):
    """Losses and final weights of all steps with the stored optimizer."""
    classifier, local = classifier_of(golden, dtype), samples_of(golden)
    dim, num_inputs = golden["A0"].shape
    backbone = Linear(num_inputs, dim, dtype=dtype)
    backbone.weight.data, backbone.bias.data = (torch.from_numpy(golden[name]).to(dtype) for name in ("A0", "b0"))
    parallel = DistributedDataParallel(backbone) if distributed.is_initialized() else backbone
    options = {name: golden[name].item() for name in ("lr", "momentum", "weight_decay")}
    optimizer = torch.optim.SGD([*backbone.parameters(), classifier.weight], **options)
    losses = []
    for step, labels in enumerate(golden["y"]):
        optimizer.zero_grad()
        with stored_draws(golden, classifier, step):
            images = torch.from_numpy(golden["X"][step, local]).to(dtype)
            loss = classifier(parallel(images), torch.from_numpy(labels[local])).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {
        "loss_total": np.array(losses),
        "A_final": backbone.weight.detach().numpy(),
        "b_final": backbone.bias.detach().numpy(),
        "W_final": classifier.weight.detach().numpy(),
    }


def on_each_process(processes, function, golden, dtype):
    world_size = golden["world_size"].item()
    return [function(golden, dtype)] if world_size == 1 else processes(world_size).run(function, golden, dtype)


def assert_close(actual, golden, dtype):
    for name, value in actual.items():
        expected = golden[name].reshape(value.shape)
        error = np.abs(value - expected).max() / np.abs(expected).max()
        assert error <= TOLERANCE[dtype], f"{name} is off by {error}"


@DTYPES
@EVERY_FILE
def test_every_step_equals_the_official_one(shared, processes, name, dtype):
    """In both, `dE` is multiplied by the number of processes, because the backbone's gradients are averaged."""
    golden = load(shared, name)
    parts = on_each_process(processes, single_steps, golden, dtype)
    whole = {part: np.concatenate([results[part] for results in parts], axis=1) for part in ("dE", "dW")}
    for results in parts:
        assert_close(results | whole, golden, dtype)


@DTYPES
@EVERY_FILE
def test_a_run_ends_where_the_official_one_does(shared, processes, name, dtype):
    """Classes that were not sampled change, too, by weight decay and momentum."""
    golden = load(shared, name)
    parts = on_each_process(processes, whole_run, golden, dtype)
    whole = {"W_final": np.concatenate([results["W_final"] for results in parts])}
    for results in parts:
        assert_close(results | whole, golden, dtype)


@DTYPES
@pytest.mark.parametrize("name", [name for name in FILES if "w1" in name])
def test_logits_of_sampled_classes_equal_the_official_ones(shared, name, dtype):
    golden = load(shared, name)
    classifier = classifier_of(golden, dtype)
    for step, expected in enumerate(golden["logits"]):
        set_weight(classifier, golden["W"][step])
        embeddings, labels = torch.from_numpy(golden["E"][step]).to(dtype), torch.from_numpy(golden["y"][step])
        logits = classifier.logits(embeddings, labels).detach().numpy()
        is_sampled = ~np.isnan(expected)
        assert_close({"logits": logits[is_sampled]}, {"logits": expected[is_sampled]}, dtype)


@pytest.mark.parametrize("name", [name for name in FILES if "r03" in name])
def test_exactly_the_sampled_classes_have_a_gradient(shared, processes, name):
    golden = load(shared, name)
    parts = on_each_process(processes, single_steps, golden, torch.float64)
    has_gradient = np.concatenate([results["dW"] for results in parts], axis=1).any(2)
    assert np.array_equal(has_gradient, golden["sampled"])
