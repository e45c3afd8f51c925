"""MobileFaceNet: the parts of the paper's network, and the wider variants."""

import pytest
import torch

from femb_cli.backbones import build_backbone
from femb_cli.backbones.mobilefacenet import Bottleneck, GlobalDepthwise


def num_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def conv_bn(in_channels, out_channels, kernel, groups=1):
    """Parameters of a convolution without bias, and of its batch norm."""
    return in_channels * out_channels * kernel**2 // groups + 2 * out_channels


def test_parameters_are_those_of_the_papers_table():
    with torch.device("meta"):
        backbone = build_backbone("mobilefacenet", embedding_dim=128)
    expected = conv_bn(3, 64, 3) + conv_bn(64, 64, 3, groups=64) + conv_bn(64, 64, 1)
    channels = 64
    # Table 1: expansion, output channels, number of bottlenecks.
    for expansion, out_channels, repetitions in [(2, 64, 5), (4, 128, 1), (2, 128, 6), (4, 128, 1), (2, 128, 2)]:
        for _ in range(repetitions):
            hidden = expansion * channels
            expected += conv_bn(channels, hidden, 1) + conv_bn(hidden, hidden, 3, groups=hidden)
            expected += conv_bn(hidden, out_channels, 1)
            channels = out_channels
    expected += conv_bn(128, 512, 1) + conv_bn(512, 512, 7, groups=512)
    # The linear 1 x 1 convolution of this version has a bias.
    expected += conv_bn(512, 128, 1) + 128
    assert num_parameters(backbone) == expected


@pytest.mark.parametrize(("out_channels", "stride"), [(8, 1), (8, 2), (12, 1)])
def test_a_bottleneck_has_a_shortcut_if_the_shape_stays_the_same(out_channels, stride):
    bottleneck = Bottleneck(8, out_channels, stride, expansion=2).eval()
    torch.nn.init.zeros_(bottleneck.conv[-1].weight)
    x = torch.randn(2, 8, 6, 6)
    expected = x if (out_channels, stride) == (8, 1) else torch.zeros(2, out_channels, 6 // stride, 6 // stride)
    assert torch.equal(bottleneck(x), expected)


def test_global_depthwise_with_equal_weights_is_average_pooling():
    pooling = GlobalDepthwise(4, 7).eval()
    torch.nn.init.constant_(pooling.depthwise.weight, 1 / 49)
    x = torch.randn(2, 4, 7, 7)
    torch.testing.assert_close(pooling(x)[:, :, 0, 0], x.mean((2, 3)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "blocks", "width"), [("mbf", (1, 4, 6, 2), 128), ("mbf_large", (2, 8, 12, 4), 256)])
def test_the_wide_variants_differ_in_blocks_and_width(name, blocks, width):
    with torch.device("meta"):
        layers = build_backbone(name).layers
    assert layers[0].layers[0].out_channels == width
    first = 1 if name == "mbf" else len(layers[1].layers)
    assert (first, *(len(layers[stage].layers) for stage in (3, 5, 7))) == blocks
