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


@pytest.mark.parametrize("config", [SGDConfig(weight_decay=0.1), AdamWConfig(weight_decay=0.1)])
def test_every_parameter_is_optimised_and_only_matrices_and_kernels_decay(modules, config):
    decay = decay_of(build_optimizer(config, *modules))
    parameters = {name: p for module in modules for name, p in module.named_parameters()}
    assert len(decay) == len(parameters)
    for name in ("weight", "conv1.weight", "fc.weight", "layer1.0.downsample.0.weight"):
        assert decay[id(parameters[name])] == 0.1
    for name in (
        "fc.bias",
        "bn1.weight",
        "bn1.bias",
        "prelu.weight",
        "features.weight",
        "layer1.0.downsample.1.weight",
    ):
        assert decay[id(parameters[name])] == 0.0


def test_frozen_parameters_are_left_out():
    frozen = torch.nn.Linear(2, 2).requires_grad_(False)
    assert len(decay_of(build_optimizer(SGDConfig(), frozen, torch.nn.Linear(2, 2)))) == 2


def test_configured_values_reach_the_optimizer(modules):
    optimizer = build_optimizer(SGDConfig(lr=0.3, momentum=0.7, nesterov=True), *modules)
    assert isinstance(optimizer, torch.optim.SGD)
    assert {(g["lr"], g["momentum"], g["nesterov"]) for g in optimizer.param_groups} == {(0.3, 0.7, True)}
    assert isinstance(build_optimizer(AdamWConfig(), *modules), torch.optim.AdamW)


def test_the_rate_is_set_for_every_group(modules):
    optimizer = build_optimizer(AdamWConfig(), *modules)
    set_learning_rate(optimizer, 0.123)
    assert [group["lr"] for group in optimizer.param_groups] == [0.123, 0.123]


def test_nesterov_without_momentum_is_refused(modules):
    with pytest.raises(FembError, match="momentum"):
        build_optimizer(SGDConfig(momentum=0.0, nesterov=True), *modules)
