"""MobileFaceNet, in two layouts of published weights.

Chen, Liu, Gao, Han: MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile Devices,
CCBR 2018, https://arxiv.org/abs/1804.07573, table 1: inverted residual bottlenecks, then a global depthwise
convolution instead of pooling.

- `mobilefacenet` is the paper's table 1 with ReLU6 instead of PReLU, as in foamliu/MobileFaceNet.
- `mbf_small` is that table with PReLU, as in InsightFace_Pytorch; `mbf` and `mbf_large` are arcface_torch's wider
  variants of it.

Tensor names are those of the published weights.
"""

import math

from torch import Tensor, nn

from femb_cli.backbones.backbone import Backbone

BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""The paper's table 1: expansion, output channels, repetitions, stride of the first repetition."""


def build_mobilefacenet(name: str, embedding_dim: int, input_size: int, bn_eps: float) -> Backbone:
    """Build a variant by name: `mobilefacenet`, `mbf_small`, `mbf` or `mbf_large`."""
    if name == "mobilefacenet":
        backbone: Backbone = MobileFaceNet(embedding_dim, input_size)
    elif name in ("mbf_small", "mbf"):
        scale = 1 if name == "mbf_small" else 2
        backbone = WideMobileFaceNet(embedding_dim, input_size, blocks=(1, 4, 6, 2), scale=scale)
    else:
        backbone = WideMobileFaceNet(embedding_dim, input_size, blocks=(2, 8, 12, 4), scale=4)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eps = bn_eps
    return backbone


class MobileFaceNet(Backbone):
    """The network of the paper.

    Args:
        embedding_dim: D.
        input_size: height and width of the images.
    """

    def __init__(self, embedding_dim: int, input_size: int) -> None:
        super().__init__()
        self.embedding_dim, self.input_size = embedding_dim, input_size
        self.conv1 = _conv_bn_relu6(3, 64, 3, stride=2)
        self.dw_conv = DepthwiseSeparable(64)
        bottlenecks: list[nn.Module] = []
        in_channels = 64
        for expansion, channels, repetitions, first_stride in BOTTLENECKS:
            for index in range(repetitions):
                stride = first_stride if index == 0 else 1
                bottlenecks.append(Bottleneck(in_channels, channels, stride, expansion))
                in_channels = channels
        self.features = nn.Sequential(*bottlenecks)
        self.conv2 = _conv_bn_relu6(in_channels, 512, 1)
        self.gdconv = GlobalDepthwise(512, math.ceil(input_size / 16))
        self.conv3 = nn.Conv2d(512, embedding_dim, 1)
        self.bn = nn.BatchNorm2d(embedding_dim)

    def blocks_to_recompute(self) -> list[nn.Module]:
        """Return the bottlenecks."""
        return list(self.features)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Map preprocessed images to raw embeddings (B, D)."""
        x = self.features(self.dw_conv(self.conv1(images_B3HW)))
        return self.bn(self.conv3(self.gdconv(self.conv2(x)))).flatten(1)


class DepthwiseSeparable(nn.Module):
    """A depthwise and a pointwise convolution, each with batch norm and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, channels, H, W)."""
        return self.relu(self.bn2(self.pointwise(self.relu(self.bn1(self.depthwise(x))))))


class GlobalDepthwise(nn.Module):
    """A depthwise convolution with a kernel as large as its input: learned pooling."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, size, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, size, size) to (B, channels, 1, 1)."""
        return self.bn(self.depthwise(x))


class Bottleneck(nn.Module):
    """Expand, convolve depthwise, project; with a shortcut if the shape stays the same."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = expansion * in_channels
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.conv = nn.Sequential(
            _conv_bn_relu6(in_channels, hidden, 1),
            _conv_bn_relu6(hidden, hidden, 3, stride=stride, groups=hidden),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in, H, W) to (B, out, H / stride, W / stride)."""
        return x + self.conv(x) if self.has_shortcut else self.conv(x)


def _conv_bn_relu6(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU6())


class WideMobileFaceNet(Backbone):
    """The variant of arcface_torch.

    Args:
        embedding_dim: D.
        input_size: height and width of the images.
        blocks: number of blocks in each of the four stages. A first stage of one block is a grouped convolution.
        scale: factor on the paper's channels.
    """

    def __init__(self, embedding_dim: int, input_size: int, blocks: tuple[int, ...], scale: int) -> None:
        super().__init__()
        self.embedding_dim, self.input_size = embedding_dim, input_size
        narrow, wide = 64 * scale, 128 * scale
        first = ConvBlock(narrow, narrow, 3, groups=64) if blocks[0] == 1 else _residuals(narrow, blocks[0], 128)
        self.layers = nn.ModuleList(
            [
                ConvBlock(3, narrow, 3, stride=2),
                first,
                DepthWise(narrow, narrow, stride=2, hidden=128),
                _residuals(narrow, blocks[1], 128),
                DepthWise(narrow, wide, stride=2, hidden=256),
                _residuals(wide, blocks[2], 256),
                DepthWise(wide, wide, stride=2, hidden=512),
                _residuals(wide, blocks[3], 256),
            ]
        )
        self.conv_sep = ConvBlock(wide, 512, 1)
        self.features = Layers(
            Layers(
                nn.Conv2d(512, 512, math.ceil(input_size / 16), groups=512, bias=False),
                nn.BatchNorm2d(512),
            ),
            nn.Flatten(),
            nn.Linear(512, embedding_dim, bias=False),
            nn.BatchNorm1d(embedding_dim),
        )

    def blocks_to_recompute(self) -> list[nn.Module]:
        """Return the groups of residual blocks."""
        return list(self.layers)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Map preprocessed images to raw embeddings (B, D)."""
        x = images_B3HW
        for layer in self.layers:
            x = layer(x)
        return self.features(self.conv_sep(x))


class Layers(nn.Module):
    """A sequence whose tensors are named `layers.N`, as in the published weights."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers in turn."""
        return self.layers(x)


class ConvBlock(Layers):
    """Convolution, batch norm, PReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.PReLU(out_channels),
        )


class DepthWise(Layers):
    """Expand to `hidden` channels, convolve depthwise, project; with a shortcut if `residual`."""

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, hidden: int, residual: bool = False
    ) -> None:
        super().__init__(
            ConvBlock(in_channels, hidden, 1),
            ConvBlock(hidden, hidden, 3, stride=stride, groups=hidden),
            Layers(nn.Conv2d(hidden, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)),
        )
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in, H, W) to (B, out, H / stride, W / stride)."""
        return x + self.layers(x) if self.residual else self.layers(x)


def _residuals(channels: int, repetitions: int, hidden: int) -> Layers:
    return Layers(*(DepthWise(channels, channels, stride=1, hidden=hidden, residual=True) for _ in range(repetitions)))
