"""IResNet: width, dropout and gates."""

import pytest
import torch

from femb_cli.backbones import build_backbone
from femb_cli.backbones.iresnet import Gate, PointwiseConv


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


@pytest.mark.parametrize("channels", [4, 8, 12])
def test_the_gradient_of_a_narrow_shortcut_in_channels_last_order_is_that_of_a_convolution(channels):
    """With a stride, torch reads beyond the input, which crashes or gives numbers that nobody can trust."""
    torch.manual_seed(0)
    images = torch.rand(4, channels, 56, 56)
    conv = PointwiseConv(channels, channels, 1, stride=2, bias=False)
    results = []
    for memory_format in (torch.channels_last, torch.contiguous_format):
        inputs = images.clone(memory_format=memory_format).requires_grad_()
        weight = conv.weight.detach().clone().requires_grad_()
        if memory_format == torch.channels_last:
            output = torch.func.functional_call(conv, {"weight": weight}, inputs)
        else:
            output = torch.nn.functional.conv2d(inputs, weight, stride=2)
        output.square().sum().backward()
        results.append((output.detach(), inputs.grad, weight.grad))
    for actual, expected in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def test_a_gate_weighs_each_channel_by_a_factor_from_the_means_of_all():
    torch.manual_seed(0)
    gate, x = Gate(32), torch.randn(2, 32, 5, 4)
    hidden = (x.mean((2, 3)) @ gate.fc1.weight[:, :, 0, 0].T).clamp(min=0)
    factors = 1 / (1 + torch.exp(-hidden @ gate.fc2.weight[:, :, 0, 0].T))
    torch.testing.assert_close(gate(x), x * factors[:, :, None, None])
    assert gate.fc1.weight.shape == (2, 32, 1, 1)


def test_a_gated_block_is_open_halfway_where_its_gate_has_weights_of_zero():
    parameters = {"embedding_dim": 16, "width": 0.125, "input_size": 32}
    gated, plain = build_backbone("irse18", **parameters).eval(), build_backbone("ir18", **parameters).eval()
    tensors = gated.state_dict()
    for name in tensors:
        if ".gate." in name:
            tensors[name].zero_()
    plain.load_state_dict({name: tensor for name, tensor in tensors.items() if ".gate." not in name})
    for block in (block for stage in (plain.layer1, plain.layer2, plain.layer3, plain.layer4) for block in stage):
        block.bn3.weight.data /= 2
        block.bn3.bias.data /= 2
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(gated(images), plain(images))
