"""Cover a part of the face."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from femb_cli.data.images.augmentation.colour import MID_GREY
from femb_cli.data.images.augmentation.draws import Draws
from femb_cli.data.images.augmentation.operation import Operation, Parameters

MIDDLES = {"eyes": 51.6 / 112, "mouth": 92.3 / 112}
"""Height of eyes and mouth in faces aligned to ArcFace's template, as a fraction of the side."""


@dataclass(frozen=True)
class Cover(Operation):
    """Base of the operations that fill one rectangle of an image.

    `draw` returns the middle of the rectangle and its height and width, down and across, as fractions of the side, and
    its red, green and blue, 0 to 255: (K, 2), (K, 2), (K, 3).
    """

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Fill the rectangles."""
        middle_K2, side_K2, colour_K3 = parameters
        size, device = images_K3HW.shape[3], images_K3HW.device
        inside_K2S = (torch.arange(size) - size * middle_K2[:, :, None]).abs() < size / 2 * side_K2[:, :, None]
        inside_KHW = inside_K2S[:, 0, :, None] & inside_K2S[:, 1, None, :]
        return torch.where(inside_KHW[:, None].to(device), colour_K3.to(device)[:, :, None, None], images_K3HW)


@dataclass(frozen=True)
class Erase(Cover):
    """Fill a rectangle anywhere in the image; a part of it may lie outside.

    Random erasing: Zhong, Zheng, Kang, Li, Yang: Random Erasing Data Augmentation, AAAI 2020. Here both sides are drawn
    alike and the fill is even.

    Attributes:
        side: smallest and largest width and height, as a fraction of the side.
        fill: mid-grey, or a random colour.
    """

    side: tuple[float, float]
    fill: Literal["grey", "colour"]

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Middle and size of the rectangle (down, across) as fractions of the side, and its colour."""
        middle_K2, side_K2 = draws.uniform(count, 2), draws.between(*self.side, count, 2)
        colour_K3 = draws.between(0, 255, count, 3)
        return middle_K2, side_K2, colour_K3 if self.fill == "colour" else torch.full_like(colour_K3, MID_GREY)


@dataclass(frozen=True)
class Occlusion(Cover):
    """Cover the eyes or the mouth of aligned faces with a band of one colour, as glasses, masks and scarves do.

    Attributes:
        parts: what is covered; each image draws one.
        height: smallest and largest height of the band, as a fraction of the side.
    """

    parts: tuple[str, ...]
    height: tuple[float, float]

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Middle and size of the band (down, across) as fractions of the side, and its colour."""
        middles = torch.tensor([MIDDLES[part] for part in self.parts])
        down_K, height_K = middles[draws.below(len(middles), count)], draws.between(*self.height, count)
        middle_K2 = torch.stack([down_K, torch.full_like(down_K, 0.5)], 1)
        return middle_K2, torch.stack([height_K, torch.full_like(height_K, 2.0)], 1), draws.between(0, 255, count, 3)
