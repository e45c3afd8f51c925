"""Keep a part of the image and make the rest black."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from femb_cli.data.images.augmentation.draws import Draws
from femb_cli.data.images.augmentation.operation import Operation, Parameters

ATTEMPTS = 10
"""Rectangles that are tried for an image, as in torchvision's RandomResizedCrop."""


@dataclass(frozen=True)
class RandomCrop(Operation):
    """Keep a random rectangle at its place and make the rest black, as AdaFace does.

    The rectangle is drawn as in torchvision's RandomResizedCrop, but it is not resized. If no attempt fits into the
    image, the whole image is kept.

    Attributes:
        scale: smallest and largest area, as a fraction of the image's.
        aspect: smallest and largest ratio of width to height; its logarithm is uniform.
    """

    keeps_bytes: ClassVar[bool] = True
    scale: tuple[float, float]
    aspect: tuple[float, float]

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Top, left, height and width of the rectangle, pixels: (K, 4)."""
        area_KA = draws.between(*self.scale, count, ATTEMPTS) * size**2
        narrowest, widest = self.aspect
        aspect_KA = draws.between(math.log(narrowest), math.log(widest), count, ATTEMPTS).exp()
        sides_KA2 = torch.stack([(area_KA / aspect_KA).sqrt(), (area_KA * aspect_KA).sqrt()], 2).round().long()
        fits_KA = ((sides_KA2 > 0) & (sides_KA2 <= size)).all(2)
        first_K = fits_KA.int().argmax(1)
        sides_K2 = sides_KA2[torch.arange(count), first_K]
        sides_K2 = torch.where(fits_KA.any(1, keepdim=True), sides_K2, size)
        start_K2 = (draws.uniform(count, 2) * (size - sides_K2 + 1)).long().minimum(size - sides_K2)
        return (torch.cat([start_K2, sides_K2], 1),)

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Multiply by 1 inside and 0 outside."""
        (rectangle_K4,) = parameters
        pixels_S = torch.arange(images_K3HW.shape[3])
        start_K2, end_K2 = rectangle_K4[:, :2], rectangle_K4[:, :2] + rectangle_K4[:, 2:]
        inside_K2S = (pixels_S >= start_K2[:, :, None]) & (pixels_S < end_K2[:, :, None])
        inside_KHW = inside_K2S[:, 0, :, None] & inside_K2S[:, 1, None, :]
        return images_K3HW * inside_KHW[:, None].to(images_K3HW.device)
