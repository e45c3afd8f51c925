"""Dropout by place in the batch."""

import pytest
import torch
from torch import nn

from femb_cli.backbones import build_backbone
from femb_cli.backbones.dropout import Dropout, seed_draws

IMAGES = torch.ones(50, 8, 5, 5)


@pytest.mark.parametrize("channels", [False, True])
def test_it_drops_the_configured_share_and_keeps_the_mean(channels):
    torch.manual_seed(0)
    dropped = Dropout(0.25, channels=channels)(torch.ones(200, 64, 5, 5))
    assert dropped.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)


def test_channels_are_dropped_as_a_whole_and_features_are_not():
    whole = {channels: Dropout(0.5, channels=channels)(IMAGES).flatten(2).var(2).max().item() for channels in (0, 1)}
    assert whole[1] == 0 < whole[0]


@pytest.mark.parametrize("dropout", [Dropout(0.0), Dropout(0.5).eval()], ids=["probability 0", "evaluation"])
def test_it_changes_nothing(dropout):
    assert dropout(IMAGES) is IMAGES


def test_seeded_draws_belong_to_seed_place_and_layer():
    network = nn.Sequential(Dropout(0.5), nn.Identity(), Dropout(0.5))
    seed_draws(network, 3, torch.arange(50))
    first, second = network[0](IMAGES), network[2](IMAGES)
    assert torch.equal(network[0](IMAGES), first)
    assert not torch.equal(first, second)
    seed_draws(network, 3, torch.arange(10, 20))
    assert torch.equal(network[2](IMAGES[:10]), second[10:20])
    seed_draws(network, 4, torch.arange(50))
    assert not torch.equal(network[0](IMAGES), first)


def test_a_vision_transformer_skips_and_masks_by_place():
    torch.manual_seed(0)
    network = build_backbone("vit_t", embedding_dim=8, input_size=36, drop_path=0.5, mask_ratio=0.5).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.eval()
    images = torch.rand(4, 3, 36, 36)
    with torch.no_grad():
        seed_draws(network, 1, torch.arange(4))
        expected = network(images)
        seed_draws(network, 1, torch.arange(2, 4))
        torch.testing.assert_close(network(images[2:]), expected[2:])
        seed_draws(network, 1, torch.arange(2))
        assert not torch.allclose(network(images[2:]), expected[2:])
