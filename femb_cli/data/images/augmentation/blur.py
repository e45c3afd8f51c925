"""Blur images."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from femb_cli.data.images.augmentation.draws import Draws
from femb_cli.data.images.augmentation.operation import Operation, Parameters

SHARPEST = 1e-3
"""Standard deviation, pixels, below which nothing is blurred; a Gaussian of 0 would divide by 0."""


@dataclass(frozen=True)
class Blur(Operation):
    """Convolve with a Gaussian, or with a box of the same standard deviation; edges are mirrored.

    torchvision's `gaussian_blur` takes one standard deviation for a whole batch.

    Attributes:
        sigma: smallest and largest standard deviation, pixels.
        kernel: shape of the kernel.
    """

    sigma: tuple[float, float]
    kernel: Literal["gaussian", "box"]

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Standard deviation, pixels: (K,)."""
        return (draws.between(*self.sigma, count),)

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Convolve columns, then rows, each image as three groups of one convolution."""
        (sigma_K,) = parameters
        size = images_K3HW.shape[3]
        radius = min(math.ceil(3 * self.sigma[1]), size - 1)
        kernel_K = self._kernels(sigma_K, radius).to(images_K3HW.device).repeat_interleave(3, 0)
        image_1CHW = images_K3HW.reshape(1, -1, size, size)
        image_1CHW = F.pad(image_1CHW, [radius] * 4, mode="reflect")
        image_1CHW = F.conv2d(image_1CHW, kernel_K[:, None, :, None], groups=len(kernel_K))
        image_1CHW = F.conv2d(image_1CHW, kernel_K[:, None, None, :], groups=len(kernel_K))
        return image_1CHW.reshape(images_K3HW.shape)

    def _kernels(self, sigma_K: Tensor, radius: int) -> Tensor:
        """One kernel for each image, with sum 1: (K, 2 radius + 1)."""
        offset = torch.arange(-radius, radius + 1).float()
        sigma_K1 = sigma_K[:, None].clamp(min=SHARPEST)
        if self.kernel == "gaussian":
            weights = (-0.5 * (offset / sigma_K1) ** 2).exp()
        else:
            # A box of width w has the variance w^2 / 12; its outermost pixels are covered in part.
            weights = (math.sqrt(3) * sigma_K1 + 0.5 - offset.abs()).clamp(0, 1)
        return weights / weights.sum(1, keepdim=True)
