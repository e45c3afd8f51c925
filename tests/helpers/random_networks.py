"""Networks of random weights whose batch norms are those of a trained network: no scale is 1, no mean is 0."""

import torch
from torch import nn

from femb_cli.backbones import Backbone, build_configured_backbone
from femb_cli.config.schema import BackboneConfig


def realistic_network(config: BackboneConfig) -> Backbone:
    """Build a network, draw its batch norms' weights, and measure their statistics on random images."""
    torch.manual_seed(0)
    network = build_configured_backbone(config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.3, 1.2)
            nn.init.normal_(module.bias, 0, 0.2)
            module.momentum = None  # the mean of all batches
    network.train()
    with torch.no_grad():
        network(torch.rand(32, 3, config.input_size, config.input_size) * 2 - 1)
    return network.eval().to(memory_format=torch.channels_last)
