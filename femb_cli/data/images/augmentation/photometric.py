"""Change brightness, contrast and saturation in random order."""

from dataclasses import dataclass

import torch
from torch import Tensor

from femb_cli.data.images.augmentation.colour import weigh
from femb_cli.data.images.augmentation.draws import Draws
from femb_cli.data.images.augmentation.operation import Operation, Parameters, spread

BRIGHTNESS, CONTRAST = 0, 1
"""Numbers of two of the three changes; the third is saturation."""


@dataclass(frozen=True)
class Photometric(Operation):
    """Multiply brightness, contrast and saturation by factors, in random order: torchvision's ColorJitter without hue.

    AdaFace (Kim, Jain, Liu: AdaFace: Quality Adaptive Margin for Face Recognition, CVPR 2022) trains with 0.5 of each.
    torchvision's transform takes the same factors and order for a whole batch.

    Attributes:
        brightness: the factor is between 1 - brightness, at least 0, and 1 + brightness.
        contrast: as brightness.
        saturation: as brightness.
    """

    brightness: float
    contrast: float
    saturation: float

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """The three changes in their order, and the factor of each: (K, 3), (K, 3)."""
        most_3 = torch.tensor([self.brightness, self.contrast, self.saturation])
        low_3, high_3 = (1 - most_3).clamp(min=0), 1 + most_3
        return draws.uniform(count, 3).argsort(1), low_3 + (high_3 - low_3) * draws.uniform(count, 3)

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Scale the distance to black, to the image's mean brightness, or to each pixel's brightness."""
        order_K3, factor_K3 = parameters
        for place in range(3):
            kind_K = order_K3[:, place]
            factor_K111 = spread(factor_K3.gather(1, kind_K[:, None])[:, 0], images_K3HW)
            kind_K111 = spread(kind_K, images_K3HW)
            luma_K1HW = weigh(images_K3HW)
            from_K1HW = torch.where(kind_K111 == CONTRAST, luma_K1HW.mean((2, 3), keepdim=True), luma_K1HW)
            from_K1HW = from_K1HW * (kind_K111 != BRIGHTNESS)
            images_K3HW = (from_K1HW + factor_K111 * (images_K3HW - from_K1HW)).clamp(0, 255)
        return images_K3HW
