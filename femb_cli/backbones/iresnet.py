"""IResNet, the improved residual network of ArcFace.

Deng, Guo, Xue, Zafeiriou: ArcFace, CVPR 2019, https://arxiv.org/abs/1801.07698, section 3.1: blocks of
BN-Conv-BN-PReLU-Conv-BN, and BN-Dropout-FC-BN to the embedding. Tensor names are those of the published weights
(arcface_torch, MagFace, ElasticFace).

The names that begin with `ir` are AdaFace's variant. The shortcut of its first block takes every second pixel, where
IResNet has a 1x1 convolution and a batch norm; all else is the same. The names that begin with `irse` are this variant
with a squeeze-and-excitation gate at the end of each block:

Hu, Shen, Sun: Squeeze-and-Excitation Networks, CVPR 2018, https://arxiv.org/abs/1709.01507, equations 2 to 4.

Shapes: B images, D embedding dimension; a stage halves height and width, rounding up.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from femb_cli.backbones.backbone import Backbone
from femb_cli.backbones.dropout import Dropout

BLOCKS = {
    "iresnet18": (2, 2, 2, 2),
    "iresnet34": (3, 4, 6, 3),
    "iresnet50": (3, 4, 14, 3),
    "iresnet100": (3, 13, 30, 3),
    "iresnet152": (3, 8, 36, 3),
    "iresnet200": (6, 26, 60, 6),
}
"""Blocks of each of the four stages."""
IR_BLOCKS = {
    "ir18": (2, 2, 2, 2),
    "ir34": (3, 4, 6, 3),
    "ir50": (3, 4, 14, 3),
    "ir101": (3, 13, 30, 3),
}
"""Those of AdaFace's variants."""
IRSE_BLOCKS = {
    "irse18": (2, 2, 2, 2),
    "irse34": (3, 4, 6, 3),
    "irse50": (3, 4, 14, 3),
    "irse101": (3, 13, 30, 3),
    "irse152": (3, 8, 36, 3),
}
"""Those of the variants with gates."""

CHANNELS = (64, 64, 128, 256, 512)
"""Output channels of the first convolution and of the four stages, at width 1."""


class PointwiseConv(nn.Conv2d):
    """A 1x1 convolution that in training takes its pixels first and then convolves without a stride.

    Both are the same. But the gradient of a 1x1 convolution with a stride reads beyond its input in torch 2.14 on a
    CPU, for channels-last images of few channels (fewer than 16), and the process may crash.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Map (B, in, H, W) to (B, out, H / stride, W / stride)."""
        if not self.training:
            return super().forward(input)
        return F.conv2d(input[:, :, :: self.stride[0], :: self.stride[1]], self.weight)


class Gate(nn.Module):
    """Squeeze and excitation: a factor between 0 and 1 for each channel, computed from the channels' means.

    Args:
        channels: channels of the input; a sixteenth of them are between the two layers.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // 16)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, channels, H, W)."""
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(F.adaptive_avg_pool2d(x, 1)))))


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut; the second one has the stride.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: 1 or 2.
        bn_eps: epsilon of the batch norms.
        subsamples: whether the shortcut takes every `stride`-th pixel where the number of channels stays the same.
        is_gated: whether a gate follows the last batch norm.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, bn_eps: float, *, subsamples: bool, is_gated: bool
    ) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels, eps=bn_eps)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels, eps=bn_eps)
        self.prelu = nn.PReLU(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels, eps=bn_eps)
        self.gate = Gate(out_channels) if is_gated else None
        self.downsample: nn.Module | None = None
        if subsamples and stride != 1 and in_channels == out_channels:
            self.downsample = nn.MaxPool2d(1, stride)
        elif stride != 1 or in_channels != out_channels:
            shortcut = PointwiseConv(in_channels, out_channels, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(out_channels, eps=bn_eps))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in, H, W) to (B, out, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        x = self.bn3(self.conv2(x))
        return (x if self.gate is None else self.gate(x)) + shortcut


class IResNet(Backbone):
    """The residual network, by depth and width.

    Args:
        name: the depth, a key of `BLOCKS`, `IR_BLOCKS` or `IRSE_BLOCKS`.
        embedding_dim: D.
        input_size: height and width of the images.
        width: factor on the channels of every stage.
        dropout: probability of dropping a feature, or a channel, before the last linear layer.
        dropout_of: `features` or `channels`.
        bn_eps: epsilon of every batch norm.
        bn_momentum: weight of the newest batch in the running mean and variance of every batch norm.
        last_norm: what is trained of the last batch norm: `trained`, `trained_bias` or `fixed`.
        initial_weights: distribution of the initial convolutions: `he` or `normal`.
    """

    def __init__(
        self,
        name: str,
        embedding_dim: int,
        input_size: int,
        width: float,
        dropout: float,
        dropout_of: str,
        bn_eps: float,
        bn_momentum: float,
        last_norm: str,
        initial_weights: str,
    ) -> None:
        super().__init__()
        self.embedding_dim, self.input_size, self.initial_weights = embedding_dim, input_size, initial_weights
        stem, *stages = (max(1, round(width * channels)) for channels in CHANNELS)
        shape = {"subsamples": name not in BLOCKS, "is_gated": name in IRSE_BLOCKS}
        self.conv1 = nn.Conv2d(3, stem, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem, eps=bn_eps)
        self.prelu = nn.PReLU(stem)
        blocks1, blocks2, blocks3, blocks4 = {**BLOCKS, **IR_BLOCKS, **IRSE_BLOCKS}[name]
        self.layer1 = _stage(stem, stages[0], blocks1, bn_eps, **shape)
        self.layer2 = _stage(stages[0], stages[1], blocks2, bn_eps, **shape)
        self.layer3 = _stage(stages[1], stages[2], blocks3, bn_eps, **shape)
        self.layer4 = _stage(stages[2], stages[3], blocks4, bn_eps, **shape)
        self.bn2 = nn.BatchNorm2d(stages[3], eps=bn_eps)
        self.dropout = Dropout(dropout, channels=dropout_of == "channels")
        self.fc = nn.Linear(stages[3] * math.ceil(input_size / 16) ** 2, embedding_dim)
        self.features = nn.BatchNorm1d(embedding_dim, eps=bn_eps)
        self.features.weight.requires_grad_(last_norm == "trained")
        self.features.bias.requires_grad_(last_norm != "fixed")
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.momentum = bn_momentum

    def blocks_to_recompute(self) -> list[nn.Module]:
        """Return the residual blocks."""
        return [block for stage in (self.layer1, self.layer2, self.layer3, self.layer4) for block in stage]

    def init_weights(self) -> None:
        """Draw fresh weights, see `initial_weights`; the linear layer's from PyTorch's default."""
        super().init_weights()
        if self.initial_weights == "normal":
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.normal_(module.weight, std=0.1)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Map preprocessed images to raw embeddings (B, D)."""
        x = self.prelu(self.bn1(self.conv1(images_B3HW)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.features(self.fc(self.dropout(self.bn2(x)).flatten(1)))


def _stage(in_channels: int, out_channels: int, num_blocks: int, bn_eps: float, **shape: bool) -> nn.Sequential:
    first = Block(in_channels, out_channels, 2, bn_eps, **shape)
    rest = [Block(out_channels, out_channels, 1, bn_eps, **shape) for _ in range(num_blocks - 1)]
    return nn.Sequential(first, *rest)
