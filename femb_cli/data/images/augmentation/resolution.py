"""Lower the resolution: scale images down and up again."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from femb_cli.data.images.augmentation.draws import Draws
from femb_cli.data.images.augmentation.operation import Operation, Parameters


@dataclass(frozen=True)
class LowResolution(Operation):
    """Scale down with a filter, as a camera far away does, and up again, both bilinear.

    Attributes:
        factor: smallest and largest factor between the sides.
    """

    factor: tuple[float, float]

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Side of the small image, pixels: (K,)."""
        return ((size / draws.between(*self.factor, count)).round().long().clamp(min=1),)

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Scale each image to its own size and back."""
        (small_K,) = parameters
        size = images_K3HW.shape[2:]
        changed = []
        for image_13HW, small in zip(images_K3HW.split(1), small_K.tolist(), strict=True):
            low_13hw = F.interpolate(image_13HW, size=(small, small), mode="bilinear", antialias=True)
            changed.append(F.interpolate(low_13hw, size=size, mode="bilinear"))
        return torch.cat(changed)


@dataclass(frozen=True)
class Downscale(Operation):
    """Scale down without a filter and up again, each with an interpolation of its own, as AdaFace does.

    AdaFace draws from OpenCV's nearest, linear, area, cubic and Lanczos. femb has torch's of the same names, without
    Lanczos, which is close to cubic; `area` is the mean over the pixels that a new one covers.

    Attributes:
        ratio: smallest and largest side of the small image, as a fraction of the side.
        interpolations: names to draw from.
    """

    ratio: tuple[float, float]
    interpolations: tuple[str, ...]

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Side of the small image in pixels, and numbers of the interpolations down and up: (K,), (K, 2)."""
        small_K = (draws.between(*self.ratio, count) * size).long().clamp(min=1)
        return small_K, draws.below(len(self.interpolations), count, 2)

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Scale each image to its own size and back."""
        small_K, mode_K2 = parameters
        size = images_K3HW.shape[2:]
        changed = []
        for image_13HW, small, modes in zip(images_K3HW.split(1), small_K.tolist(), mode_K2.tolist(), strict=True):
            down, up = (self.interpolations[mode] for mode in modes)
            low_13hw = F.interpolate(image_13HW, size=(small, small), mode=down)
            changed.append(F.interpolate(low_13hw, size=size, mode=up).clamp(0, 255))  # cubic leaves the range
        return torch.cat(changed)
