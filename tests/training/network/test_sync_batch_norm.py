"""Batch norm over the batches of all processes."""

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from femb_cli.backbones import build_configured_backbone
from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import IResNetConfig, MobileFaceNetConfig, SGDConfig
from femb_cli.headers import build_header
from femb_cli.runtime.collectives import group_rank, group_size
from femb_cli.training.network.sync_batch_norm import SyncBatchNormOnCPU, synchronise_batch_norm
from femb_cli.training.optim.optimizers import build_optimizer

NETWORKS = {
    "iresnet": IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625),
    "mobilefacenet": MobileFaceNetConfig("mobilefacenet", embedding_dim=8, input_size=16),
}
IMAGES = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 6, 5, 4])
LR = 1e-4
"""Small, because training amplifies rounding."""


def train(network, dtype, synchronised=True):
    """Train for three steps on this process's part of the batch; return the tensors of backbone and class weights."""
    torch.manual_seed(1)
    backbone = build_configured_backbone(NETWORKS[network]).to(dtype)
    classifier = MarginClassifier(build_header("arcface"), 8, 7).to(dtype)
    if synchronised:
        synchronise_batch_norm(backbone, torch.device("cpu"))
    optimizer = build_optimizer(SGDConfig(lr=LR), backbone, classifier)
    parallel = DistributedDataParallel(backbone) if group_size() > 1 else backbone
    own = slice(group_rank(), None, group_size())
    for _ in range(3):
        optimizer.zero_grad()
        classifier(parallel(IMAGES[own].to(dtype)), LABELS[own]).loss.backward()
        optimizer.step()
    return {name: tensor.clone() for name, tensor in backbone.state_dict().items()}


@pytest.mark.parametrize(
    "network, dtype, tolerance",
    [
        ("iresnet", torch.float64, 1e-12),
        ("iresnet", torch.float32, 1e-4),
        pytest.param("mobilefacenet", torch.float64, 1e-6, marks=pytest.mark.slow),
    ],
)
def test_the_weights_are_those_of_one_process_with_plain_batch_norm(processes, network, dtype, tolerance):
    expected = train(network, dtype, synchronised=False)
    for world_size in (2, 3):
        for actual in processes(world_size).run(train, network, dtype):
            assert actual.keys() == expected.keys()
            for name, tensor in actual.items():
                close = {"rtol": tolerance, "atol": tolerance, "msg": f"{name} on {world_size} processes"}
                torch.testing.assert_close(tensor, expected[name], **close)


def test_without_it_each_process_normalises_its_own_images(processes):
    expected = train("iresnet", torch.float64)
    actual = processes(2).run(train, "iresnet", torch.float64, False)[0]
    assert not torch.allclose(actual["bn1.running_mean"], expected["bn1.running_mean"], rtol=1e-3)


@pytest.mark.parametrize("device, kind", [("cpu", SyncBatchNormOnCPU), ("cuda", nn.SyncBatchNorm)])
def test_it_keeps_the_parameters_and_their_names(device, kind):
    network = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3, eps=0.5, momentum=0.2)))
    names, weight = list(network.state_dict()), network[1][0].weight
    network.eval()
    synchronise_batch_norm(network, torch.device(device))
    assert list(network.state_dict()) == names
    norm = network[1][0]
    assert type(norm) is kind
    assert norm.weight is weight
    assert (norm.eps, norm.momentum, norm.training) == (0.5, 0.2, False)


def half_of(dtype):
    """Normalise half-precision values that float16 sums would not hold."""
    norm = nn.Sequential(nn.BatchNorm1d(2))
    synchronise_batch_norm(norm, torch.device("cpu"))
    values = (torch.arange(8.0).view(4, 2) + 1000)[group_rank() :: group_size()].to(dtype)
    return norm(values).detach()


def test_half_precision_is_normalised_in_single_precision(processes):
    results = processes(2).run(half_of, torch.float16)
    expected = nn.BatchNorm1d(2)(torch.arange(8.0).view(4, 2) + 1000)
    assert all(result.dtype == torch.float16 for result in results)
    torch.testing.assert_close(torch.stack(results, 1).view(4, 2).float(), expected, rtol=1e-3, atol=1e-3)
