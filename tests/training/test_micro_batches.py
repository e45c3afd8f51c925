"""Micro-batches, processes and one large batch compute the same step, as far as batch norm allows it."""

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from femb_cli.backbones import build_configured_backbone
from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import IResNetConfig, SGDConfig
from femb_cli.data.loading.micro_batch import MicroBatch
from femb_cli.headers import build_header
from femb_cli.runtime.collectives import group_rank, group_size
from femb_cli.training.network.freezing import freeze
from femb_cli.training.network.sync_batch_norm import synchronise_batch_norm
from femb_cli.training.optim.optimizers import build_optimizer
from femb_cli.training.randomness import seed_micro_batch
from femb_cli.training.state import TrainingState

NETWORK = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625, dropout=0.3)
IMAGES = torch.rand(12, 3, 16, 16, generator=torch.Generator().manual_seed(0)).double()
LABELS = torch.arange(12) % 7


def train(micro_batches=1, norms="own"):
    """Three steps with dropout and random margins; batch norms are `own`, `synchronised` or `frozen`."""
    torch.manual_seed(1)
    backbone = build_configured_backbone(NETWORK).double()
    classifier = MarginClassifier(build_header("elasticface"), 8, 7).double()
    if norms == "synchronised":
        synchronise_batch_norm(backbone, torch.device("cpu"))
    freeze(backbone, ["batch_norms"] if norms == "frozen" else [])
    state = TrainingState(backbone, classifier, build_optimizer(SGDConfig(lr=1e-4), backbone, classifier))
    network = DistributedDataParallel(backbone) if group_size() > 1 else backbone
    for _ in range(3):
        for index in range(micro_batches):
            part = MicroBatch(index, micro_batches, group_rank(), group_size())
            seed_micro_batch(state, 7, len(IMAGES), part)
            places = part.places(len(IMAGES))
            (classifier(network(IMAGES[places]), LABELS[places]).loss / micro_batches).backward()
        state.optimizer.step()
        state.optimizer.zero_grad()
        state.step += 1
    return {name: parameter.detach().clone() for name, parameter in backbone.named_parameters()}


def assert_equal(actual, expected):
    for name, value in expected.items():
        torch.testing.assert_close(actual[name], value, rtol=1e-10, atol=1e-12, msg=name)


def test_without_batch_statistics_all_three_are_one(processes):
    whole = train(norms="frozen")
    assert_equal(train(2, norms="frozen"), whole)
    assert_equal(train(3, norms="frozen"), whole)
    for weights in processes(2).run(train, 1, "frozen") + processes(2).run(train, 2, "frozen"):
        assert_equal(weights, whole)


def test_synchronised_processes_are_one_large_batch(processes):
    whole = train()
    for weights in processes(2).run(train, 1, "synchronised"):
        assert_equal(weights, whole)


def test_batch_norm_sees_a_micro_batch_as_it_sees_the_batch_of_a_process(processes):
    """So two micro-batches are two processes, and not one large batch."""
    two = train(2)
    for weights in processes(2).run(train):
        assert_equal(weights, two)
    with pytest.raises(AssertionError):
        assert_equal(train(), two)
