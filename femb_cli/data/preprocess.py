"""From pixels to what a backbone sees: its colour order, size and value range, on the device."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from femb_cli.data.decode import ALIGNED_SIZE


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

        It is (x / 255 - mean) / std, computed as x * scale + shift in place: memory is what it waits for.
        """
        images_B3HW = images_BHW3.permute(0, 3, 1, 2).float()
        if self.channel_order == "BGR":
            images_B3HW = images_B3HW.flip(1)
        if images_B3HW.shape[2:] != (self.input_size, self.input_size):
            size = (self.input_size, self.input_size)
            images_B3HW = F.interpolate(images_B3HW, size=size, mode="bilinear", antialias=True)
        scale = [1 / (255 * std) for std in self.std]
        shift = [-mean / std for mean, std in zip(self.mean, self.std, strict=True)]
        return images_B3HW.mul_(_per_channel(scale, images_B3HW)).add_(_per_channel(shift, images_B3HW))


def _per_channel(values: list[float], images_B3HW: Tensor) -> Tensor | float:
    """Return a factor or summand of each channel; one number where they are alike, which is twice as fast."""
    if len(set(values)) == 1:
        return values[0]
    return torch.tensor(values, device=images_B3HW.device)[:, None, None]
