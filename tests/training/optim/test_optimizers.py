"""The optimizer over a backbone and its classifier."""

import pytest
import torch

from femb_cli.backbones import build_backbone
from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import AdamWConfig, SGDConfig
from femb_cli.errors import FembError
from femb_cli.headers import build_header
from femb_cli.training.optim.optimizers import build_optimizer, set_learning_rate


@pytest.fixture(scope="module")
def modules():
    backbone = build_backbone("iresnet18", width=0.125, embedding_dim=8, input_size=32)
    return backbone, MarginClassifier(build_header("arcface"), 8, 5)


def decay_of(optimizer):
    return {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}


NORMS = ("bn1.weight", "bn1.bias", "features.weight", "layer1.0.downsample.1.weight")
VECTORS = ("fc.bias", "prelu.weight")
MATRICES = ("weight", "conv1.weight", "fc.weight", "layer1.0.downsample.0.weight")
DECAYED = [("all", MATRICES + VECTORS + NORMS), ("no_batch_norms", MATRICES + VECTORS), ("matrices", MATRICES)]


@pytest.mark.parametrize("decayed, names", DECAYED)
@pytest.mark.parametrize("optimizer", [SGDConfig, AdamWConfig])
def test_every_parameter_is_optimised_and_the_named_ones_decay(modules, optimizer, decayed, names):
    decay = decay_of(build_optimizer(optimizer(weight_decay=0.1, decayed=decayed), *modules))
    parameters = {name: p for module in modules for name, p in module.named_parameters()}
    assert len(decay) == len(parameters)
    for name in MATRICES + VECTORS + NORMS:
        assert decay[id(parameters[name])] == (0.1 if name in names else 0.0), name


def test_class_weights_may_have_a_rate_and_a_decay_of_their_own(modules):
    config = SGDConfig(lr=0.1, weight_decay=0.2, classifier_lr=0.3, classifier_weight_decay=0.4)
    optimizer = build_optimizer(config, *modules)
    set_learning_rate(optimizer, config, 0.5)
    weight = modules[1].weight
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert (rates.pop(id(weight)), set(rates.values())) == (0.15, {0.05})
    decays = decay_of(optimizer)
    assert (decays.pop(id(weight)), set(decays.values())) == (0.4, {0.2})


def test_frozen_parameters_are_left_out():
    frozen = torch.nn.Linear(2, 2).requires_grad_(False)
    assert len(decay_of(build_optimizer(SGDConfig(), frozen, torch.nn.Linear(2, 2)))) == 2


def test_configured_values_reach_the_optimizer(modules):
    optimizer = build_optimizer(SGDConfig(lr=0.3, momentum=0.7, nesterov=True), *modules)
    assert isinstance(optimizer, torch.optim.SGD)
    assert {(g["lr"], g["momentum"], g["nesterov"]) for g in optimizer.param_groups} == {(0.3, 0.7, True)}
    optimizer = build_optimizer(AdamWConfig(betas=(0.8, 0.9), eps=1e-6), *modules)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert {(group["betas"], group["eps"]) for group in optimizer.param_groups} == {((0.8, 0.9), 1e-6)}


def test_the_rate_is_set_for_every_group(modules):
    config = AdamWConfig(lr=0.2)
    optimizer = build_optimizer(config, *modules)
    set_learning_rate(optimizer, config, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.1, 0.1]


def test_nesterov_without_momentum_is_refused(modules):
    with pytest.raises(FembError, match="momentum"):
        build_optimizer(SGDConfig(momentum=0.0, nesterov=True), *modules)
