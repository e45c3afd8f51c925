"""Rotate, shift and zoom images."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from femb_cli.data.images.augmentation.draws import Draws
from femb_cli.data.images.augmentation.operation import Operation, Parameters


@dataclass(frozen=True)
class Geometry(Operation):
    """Rotate, shift and zoom with a single bilinear resampling; outside its edges an image continues mirrored.

    torchvision's `affine` takes one angle for a whole batch and pads with a constant.

    Attributes:
        rotate: largest angle, degrees.
        shift: largest shift in each direction, as a fraction of the side.
        zoom: largest change of scale, as a natural logarithm.
    """

    rotate: float
    shift: float
    zoom: float

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Angle in radians, factor of the scale, and shift as a fraction of half the side: (K,), (K,), (K, 2)."""
        angle = math.radians(self.rotate)
        return (
            draws.between(-angle, angle, count),
            draws.between(-self.zoom, self.zoom, count).exp(),
            draws.between(-2 * self.shift, 2 * self.shift, count, 2),
        )

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Sample the image at the places that the inverse map gives."""
        angle_K, zoom_K, shift_K2 = parameters
        cosine_K, sine_K = zoom_K * angle_K.cos(), zoom_K * angle_K.sin()
        rows = torch.stack([cosine_K, -sine_K, shift_K2[:, 0], sine_K, cosine_K, shift_K2[:, 1]], 1).view(-1, 2, 3)
        grid = F.affine_grid(rows.to(images_K3HW), list(images_K3HW.shape), align_corners=False)
        return F.grid_sample(images_K3HW, grid, padding_mode="reflection", align_corners=False)
