"""Optimizers that touch only the sampled rows of the class weights."""

import pytest
import torch
from torch import nn

from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import AdamWConfig, SGDConfig
from femb_cli.headers import build_header
from femb_cli.training.optim.optimizers import build_optimizer

OPTIMIZERS = [SGDConfig(lr=0.1), SGDConfig(lr=0.1, nesterov=True), SGDConfig(lr=0.1, momentum=0.0), AdamWConfig(lr=0.1)]
IDS = ["momentum", "nesterov", "no momentum", "adamw"]


class Rows(nn.Module):
    """Six class weights."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.arange(18.0, dtype=torch.float64).view(6, 3) / 10)


def gradient(step, rows):
    return torch.randn(len(rows), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(step))


def sparse(rows, values):
    return torch.sparse_coo_tensor(torch.tensor([rows]), values, (6, 3), check_invariants=True)


def step_rows(module, optimizer, step, rows):
    module.weight.grad = sparse(rows, gradient(step, rows))
    optimizer.step()


@pytest.mark.parametrize("config", OPTIMIZERS, ids=IDS)
def test_sampled_rows_move_as_a_weight_of_their_own(config):
    module, alone = Rows(), Rows()
    alone.weight = nn.Parameter(alone.weight[[1, 4]].detach())
    optimizers = [build_optimizer(config, part) for part in (module, alone)]
    for step in range(4):
        step_rows(module, optimizers[0], step, [1, 4])
        alone.weight.grad = gradient(step, [1, 4])
        optimizers[1].step()
    torch.testing.assert_close(module.weight[[1, 4]], alone.weight, rtol=0, atol=0)


@pytest.mark.parametrize("config", OPTIMIZERS, ids=IDS)
def test_other_rows_and_their_state_stay_bit_for_bit(config):
    module = Rows()
    optimizer = build_optimizer(config, module)
    step_rows(module, optimizer, 0, [0, 2])
    weight = module.weight.detach().clone()
    state = {name: torch.clone(value) for name, value in optimizer.state[module.weight].items()}
    step_rows(module, optimizer, 1, [1, 4])
    untouched = [0, 2, 3, 5]
    assert torch.equal(module.weight[untouched], weight[untouched])
    for name, value in optimizer.state[module.weight].items():
        if value.ndim:
            assert torch.equal(value[untouched], state[name][untouched])
    assert not torch.equal(module.weight[[1, 4]], weight[[1, 4]])


def test_momentum_waits_until_the_row_is_sampled_again():
    """Closed form: two gradients of 1 to a row, whatever came between."""
    module = Rows()
    optimizer = build_optimizer(SGDConfig(lr=0.1, momentum=0.5, weight_decay=0.0), module)
    start = module.weight[2].clone()
    for rows in ([2], [3], [4], [2]):
        module.weight.grad = sparse(rows, torch.ones(1, 3).double())
        optimizer.step()
    torch.testing.assert_close(module.weight[2], start - 0.1 * (1 + 1.5))


def test_dense_gradients_are_stepped_as_ever():
    with_hooks, without = Rows(), Rows()
    optimizers = [build_optimizer(SGDConfig(), with_hooks), torch.optim.SGD(without.parameters(), 0.02, 0.9, 0, 5e-4)]
    for step in range(3):
        for module, optimizer in zip((with_hooks, without), optimizers, strict=True):
            module.weight.grad = gradient(step, range(6))
            optimizer.step()
    assert torch.equal(with_hooks.weight, without.weight)


@pytest.mark.parametrize("sparse_gradient", [True, False])
def test_unsampled_identities_move_only_where_the_gradient_is_dense(sparse_gradient):
    torch.manual_seed(0)
    classifier = MarginClassifier(build_header("arcface"), 4, 50, sample_rate=0.2, sparse_gradient=sparse_gradient)
    optimizer = build_optimizer(SGDConfig(lr=0.1), classifier)
    before = classifier.weight.detach().clone()
    classifier(torch.randn(3, 4), torch.tensor([1, 2, 3])).loss.backward()
    optimizer.step()
    moved = (classifier.weight != before).any(1).sum().item()
    assert moved == (10 if sparse_gradient else 50)
