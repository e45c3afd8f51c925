"""From pixels to what a backbone sees: its colour order, size and value range, on the device."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from femb_cli.data.images.decode import ALIGNED_SIZE

IMAGES_IN_CACHE = 8


@dataclass(frozen=True)
class Preprocessing:
    """What a backbone expects of its images; stored with every checkpoint.

    Attributes:
        input_size: height and width, pixels.
        channel_order: of the backbone's input.
        mean: subtracted per channel (in the backbone's order) from values in [0, 1].
        std: what the difference is divided by.
    """

    input_size: int = ALIGNED_SIZE
    channel_order: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def __call__(self, images_BHW3: Tensor) -> Tensor:
        """Map uint8 RGB images (B, H, W, 3) to the backbone's input (B, 3, input_size, input_size), float32.

        It is (x / 255 - mean) / std, computed as x * scale + shift, on a CPU a few images at a time: three passes over
        memory would take twice as long as three over its cache.
        """
        images_B3HW = images_BHW3.permute(0, 3, 1, 2)
        if self.channel_order == "BGR":
            images_B3HW = images_B3HW.flip(1)
        if images_B3HW.shape[2:] != (self.input_size, self.input_size):
            size = (self.input_size, self.input_size)
            images_B3HW = F.interpolate(images_B3HW.float(), size=size, mode="bilinear", antialias=True)
        scale = _per_channel([1 / (255 * std) for std in self.std], images_B3HW)
        shift = _per_channel([-mean / std for mean, std in zip(self.mean, self.std, strict=True)], images_B3HW)
        values_B3HW = torch.empty_like(images_B3HW, dtype=torch.float32)
        at_once = IMAGES_IN_CACHE if images_B3HW.device.type == "cpu" else len(images_B3HW)
        for values, images in zip(values_B3HW.split(at_once), images_B3HW.split(at_once), strict=True):
            values.copy_(images).mul_(scale).add_(shift)
        return values_B3HW


def _per_channel(values: list[float], images_B3HW: Tensor) -> Tensor | float:
    """Return a factor or summand of each channel; one number where they are alike, which is twice as fast."""
    if len(set(values)) == 1:
        return values[0]
    return torch.tensor(values, device=images_B3HW.device)[:, None, None]
