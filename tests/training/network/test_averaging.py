"""The moving average of the weights."""

import pytest
import torch
from torch import nn

from femb_cli.training.network.averaging import average_of


def test_it_is_the_recursion_of_its_definition():
    network = nn.Linear(1, 1, bias=False)
    averaged = average_of(network, 0.5)
    expected = None
    for step in range(12):
        nn.init.constant_(network.weight, (step * 7) % 5)
        averaged.update_parameters(network)
        decay = min(0.5, (1 + step) / (10 + step))
        weight = network.weight.item()
        expected = weight if expected is None else decay * expected + (1 - decay) * weight
        assert averaged.module.weight.item() == pytest.approx(expected)


def test_statistics_are_those_of_the_network():
    network = nn.BatchNorm1d(2)
    averaged = average_of(network, 0.9)
    for _ in range(3):
        network(torch.rand(8, 2) * 10)
        averaged.update_parameters(network)
    assert torch.equal(averaged.module.running_mean, network.running_mean)
    assert averaged.module.num_batches_tracked == 3
