"""IResNet: width and dropout."""

import torch

from femb_cli.backbones import build_backbone


def small_iresnet(**parameters):
    torch.manual_seed(0)
    return build_backbone("iresnet18", embedding_dim=16, width=0.125, **parameters).eval()


def test_width_scales_every_stage():
    assert small_iresnet().layer4[-1].conv2.weight.shape == (64, 64, 3, 3)


def test_dropout_acts_in_training_only():
    backbone = small_iresnet(input_size=32, dropout=0.5)
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(backbone(images), backbone(images))
    assert backbone.dropout.probability == 0.5


def test_the_narrowest_network_has_one_channel_a_stage():
    backbone = build_backbone("iresnet18", width=0.001, input_size=16, embedding_dim=4).eval()
    assert backbone(torch.zeros(2, 3, 16, 16)).shape == (2, 4)
