"""Map decoded pixels to a backbone's input: resize them, then normalise them by the backbone's mean and std.

Training augments the images between these two steps, so that they are normalised only once, at the end.

Shapes: B images, H x W pixels as decoded, S x S pixels of the backbone's input.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from femb_cli.config.schema import PixelsConfig
from femb_cli.data.images.decode import ALIGNED_SIZE

IMAGES_IN_CACHE = 8
"""Images that a CPU normalises at a time: they fit its cache, where the three passes take half the time."""


@dataclass(frozen=True)
class Preprocessing:
    """The input that a backbone expects; stored with every checkpoint.

    Attributes:
        input_size: height and width, pixels.
        channel_order: order of the input's channels.
        mean: subtracted from values in [0, 1], one for each channel in the backbone's order.
        std: divisor of the difference, one for each channel.
    """

    input_size: int = ALIGNED_SIZE
    channel_order: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @classmethod
    def of(cls, pixels: PixelsConfig, input_size: int) -> "Preprocessing":
        """Return the input that a configuration describes: the same mean and std for all colours."""
        mean, std = (pixels.mean,) * 3, (pixels.std,) * 3
        return cls(input_size, pixels.channel_order, mean, std)

    @property
    def scale(self) -> tuple[float, float, float]:
        """Factor of each channel: (x / 255 - mean) / std is x * scale + shift."""
        return _three(1 / (255 * std) for std in self.std)

    @property
    def shift(self) -> tuple[float, float, float]:
        """Offset of each channel, see `scale`."""
        return _three(-mean / std for mean, std in zip(self.mean, self.std, strict=True))

    def __call__(self, images_BHW3: Tensor) -> Tensor:
        """Map uint8 RGB images (B, H, W, 3) to the backbone's input (B, 3, S, S), float32."""
        return self.normalise(self.resize(images_BHW3))

    def resize(self, images_BHW3: Tensor) -> Tensor:
        """Resize uint8 RGB images (B, H, W, 3) to (B, 3, S, S), values 0 to 255.

        Returns:
            uint8 where the size fits already, else float32.
        """
        images_B3HW = images_BHW3.permute(0, 3, 1, 2)
        size = (self.input_size, self.input_size)
        if images_B3HW.shape[2:] == size:
            return images_B3HW
        return F.interpolate(images_B3HW.float(), size=size, mode="bilinear", antialias=True)

    def normalise(self, images_B3SS: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Map RGB images (B, 3, S, S), values 0 to 255, to the backbone's input: (x / 255 - mean) / std."""
        if self.channel_order == "BGR":
            images_B3SS = images_B3SS.flip(1)
        scale, shift = (_per_channel(values, images_B3SS.device, dtype) for values in (self.scale, self.shift))
        inputs_B3SS = torch.empty_like(images_B3SS, dtype=dtype)
        at_once = IMAGES_IN_CACHE if images_B3SS.device.type == "cpu" else len(images_B3SS)
        for inputs, images in zip(inputs_B3SS.split(at_once), images_B3SS.split(at_once), strict=True):
            inputs.copy_(images).mul_(scale).add_(shift)
        return inputs_B3SS


def _three(values: Iterable[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _per_channel(values: tuple[float, float, float], device: torch.device, dtype: torch.dtype) -> Tensor | float:
    """Return a value for each channel, to be broadcast; one number where all are equal, which is twice as fast."""
    if len(set(values)) == 1:
        return values[0]
    return torch.tensor(values, device=device, dtype=dtype)[:, None, None]
