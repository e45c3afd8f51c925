"""The three networks of MTCNN: P-Net proposes faces, R-Net refines them, O-Net outputs landmarks.

Zhang, Zhang, Li, Qiao: Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks, IEEE Signal
Processing Letters 23(10), 2016, https://arxiv.org/abs/1604.02878, figure 2.

The layers are declared in the order in which the weights are stored. Inputs are RGB, (v - 127.5) / 128 of v from 0 to
255. Offsets and landmarks are in sides of the input's square: offsets are added to its edges, and (0, 0) and (1, 1) are
its corners.

Shapes: N inputs.
"""

import torch
from torch import Tensor, nn


class PNet(nn.Module):
    """The proposal network, fully convolutional: it looks at squares of 12 x 12 pixels, every second pixel."""

    input_size = 12
    stride = 2

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 10, 3), nn.PReLU(10), _pool(2),
            nn.Conv2d(10, 16, 3), nn.PReLU(16),
            nn.Conv2d(16, 32, 3), nn.PReLU(32),
        )  # fmt: skip
        self.box = nn.Conv2d(32, 4, 1)
        self.classes = nn.Conv2d(32, 2, 1)

    def forward(self, images_N3HW: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to their squares' scores (N, h, w) and offsets (N, 4, h, w)."""
        # Pooling is several times faster channels-last.
        features = self.features(images_N3HW.contiguous(memory_format=torch.channels_last))
        return _probability(self.classes(features)), self.box(features)


class RNet(nn.Module):
    """The refinement network."""

    input_size = 24

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 28, 3), nn.PReLU(28), _pool(3),
            nn.Conv2d(28, 48, 3), nn.PReLU(48), _pool(3),
            nn.Conv2d(48, 64, 2), nn.PReLU(64),
            FlattenWidthFirst(), nn.Linear(576, 128), nn.PReLU(128),
        )  # fmt: skip
        self.box = nn.Linear(128, 4)
        self.classes = nn.Linear(128, 2)

    def forward(self, images_N3SS: Tensor) -> tuple[Tensor, Tensor]:
        """Map squares (N, 3, 24, 24) to their scores (N,) and offsets (N, 4)."""
        features = self.features(images_N3SS.contiguous(memory_format=torch.channels_last))
        return _probability(self.classes(features)), self.box(features)


class ONet(nn.Module):
    """The output network."""

    input_size = 48

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 32, 3), nn.PReLU(32), _pool(3),
            nn.Conv2d(32, 64, 3), nn.PReLU(64), _pool(3),
            nn.Conv2d(64, 64, 3), nn.PReLU(64), _pool(2),
            nn.Conv2d(64, 128, 2), nn.PReLU(128),
            FlattenWidthFirst(), nn.Linear(1152, 256), nn.PReLU(256),
        )  # fmt: skip
        self.box = nn.Linear(256, 4)
        self.landmarks = nn.Linear(256, 10)
        self.classes = nn.Linear(256, 2)

    def forward(self, images_N3SS: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map squares (N, 3, 48, 48) to their scores (N,), offsets (N, 4) and landmarks (N, 5, 2)."""
        features = self.features(images_N3SS.contiguous(memory_format=torch.channels_last))
        # Five x, then five y.
        landmarks_N52 = self.landmarks(features).reshape(-1, 2, 5).transpose(1, 2)
        return _probability(self.classes(features)), self.box(features), landmarks_N52


class FlattenWidthFirst(nn.Module):
    """(N, C, H, W) to (N, W * H * C): the order of Caffe's columns, in which the dense layers were trained."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten all but the first dimension."""
        return x.permute(0, 3, 2, 1).flatten(1)


def _pool(size: int) -> nn.Module:
    return nn.MaxPool2d(size, stride=2, ceil_mode=True)


def _probability(classes: Tensor) -> Tensor:
    """The probability of the second class, face."""
    return classes.softmax(dim=1)[:, 1]
