"""InsightFace_Pytorch's networks in plain torch, under the names of its files, and without the L2 at their end."""

import torch
from torch import nn


def _convolution(inner, outer, kernel=3, stride=1, *, groups=1, slope=True):
    """A convolution with its batch norm, and a PReLU where `slope`, as MobileFaceNet names them."""
    part = nn.Module()
    part.conv = nn.Conv2d(inner, outer, kernel, stride, 1 if kernel == 3 else 0, groups=groups, bias=False)
    part.bn = nn.BatchNorm2d(outer)
    if slope:
        part.prelu = nn.PReLU(outer)
    part.forward = lambda x: part.prelu(part.bn(part.conv(x))) if slope else part.bn(part.conv(x))
    return part


def _bottleneck(inner, outer, hidden, stride):
    part = nn.Module()
    part.conv = _convolution(inner, hidden, 1)
    part.conv_dw = _convolution(hidden, hidden, 3, stride, groups=hidden)
    part.project = _convolution(hidden, outer, 1, slope=False)
    part.forward = lambda x: part.project(part.conv_dw(part.conv(x))) + (x if stride == 1 else 0)
    return part


def _repeated(channels, hidden, count):
    part = nn.Module()
    part.model = nn.Sequential(*(_bottleneck(channels, channels, hidden, 1) for _ in range(count)))
    part.forward = part.model.forward
    return part


def mobilefacenet(size=32, dim=8):
    """Return its MobileFaceNet for images of `size` pixels."""
    network = nn.Module()
    parts = {
        "conv1": _convolution(3, 64, 3, 2),
        "conv2_dw": _convolution(64, 64, 3, 1, groups=64),
        "conv_23": _bottleneck(64, 64, 128, 2),
        "conv_3": _repeated(64, 128, 4),
        "conv_34": _bottleneck(64, 128, 256, 2),
        "conv_4": _repeated(128, 256, 6),
        "conv_45": _bottleneck(128, 128, 512, 2),
        "conv_5": _repeated(128, 256, 2),
        "conv_6_sep": _convolution(128, 512, 1),
        "conv_6_dw": _convolution(512, 512, size // 16, groups=512, slope=False),
        "conv_6_flatten": nn.Flatten(),
        "linear": nn.Linear(512, dim, bias=False),
        "bn": nn.BatchNorm1d(dim),
    }
    return _finish(network, parts)


def _unit(inner, outer, stride, has_gate):
    part = nn.Module()
    layers = [nn.BatchNorm2d(inner), nn.Conv2d(inner, outer, 3, 1, 1, bias=False), nn.PReLU(outer)]
    layers += [nn.Conv2d(outer, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer)]
    if has_gate:
        gate = nn.Module()
        gate.fc1 = nn.Conv2d(outer, max(1, outer // 16), 1, bias=False)
        gate.fc2 = nn.Conv2d(max(1, outer // 16), outer, 1, bias=False)
        gate.forward = lambda x: x * gate.fc2(gate.fc1(x.mean((2, 3), keepdim=True)).clamp(min=0)).sigmoid()
        layers.append(gate)
    part.res_layer = nn.Sequential(*layers)
    if inner != outer:
        part.shortcut_layer = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))
    part.forward = lambda x: (
        part.res_layer(x) + (part.shortcut_layer(x) if inner != outer else x[:, :, ::stride, ::stride])
    )
    return part


def ir(has_gate, blocks=(2, 2, 2, 2), width=8, size=32, dim=8):
    """Return its IR, or IR-SE where `has_gate`; `width` is the channels of the first layer."""
    units, inner = [], width
    for stage, count in enumerate(blocks):
        for index in range(count):
            units.append(_unit(inner, width * 2**stage, 2 if index == 0 else 1, has_gate))
            inner = width * 2**stage
    first = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.PReLU(width))
    last = nn.Linear(inner * (size // 16) ** 2, dim)
    output = nn.Sequential(nn.BatchNorm2d(inner), nn.Dropout(), nn.Flatten(), last, nn.BatchNorm1d(dim))
    return _finish(nn.Module(), {"input_layer": first, "body": nn.Sequential(*units), "output_layer": output})


def _finish(network, parts):
    """Join the parts, and give the batch norms statistics and factors that are not those of a new network."""
    for name, part in parts.items():
        network.add_module(name, part)
    network.forward = nn.Sequential(*parts.values()).forward
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.running_mean, module.bias.data):
                tensor.normal_(std=0.1, generator=generator)
            for tensor in (module.running_var, module.weight.data):
                tensor.uniform_(0.5, 1.5, generator=generator)
    return network.eval()
