"""RandAugment: a few random ones of fourteen changes, all with the same magnitude.

Cubuk, Zoph, Shlens, Le: RandAugment: Practical automated data augmentation with a reduced search space, NeurIPS 2020,
https://arxiv.org/abs/1909.13719. Changes and magnitudes are those of torchvision's RandAugment, whose kernels are used;
it changes a whole batch alike, while here the images that have drawn the same change are changed together.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torchvision.transforms.v2.functional as F
from torch import Tensor

from femb_cli.data.images.augmentation.draws import Draws
from femb_cli.data.images.augmentation.operation import Operation, Parameters, to_bytes

LARGEST_MAGNITUDE = 30

Change = Callable[[Tensor, float], Tensor]
"""From uint8 images and a strength to uint8 images; the strength is between 0 and 1, or -1 and 1 where signed."""


@dataclass(frozen=True)
class RandAugment(Operation):
    """Apply random changes out of `SIGNED` and `UNSIGNED`, one after the other; pixels from outside are black.

    Attributes:
        num_changes: how many changes an image gets; one may be drawn twice.
        magnitude: strength of all of them, 0 to 30.
    """

    keeps_bytes: ClassVar[bool] = True
    num_changes: int
    magnitude: float

    def draw(self, draws: Draws, count: int, size: int) -> Parameters:
        """Number of each change and its sign: (K, num_changes), twice."""
        kind_KN = draws.below(len(CHANGES), count, self.num_changes)
        sign_KN = 1 - 2 * draws.below(2, count, self.num_changes)
        return kind_KN, torch.where(kind_KN < len(SIGNED), sign_KN, 1)

    def change(self, images_K3HW: Tensor, parameters: Parameters) -> Tensor:
        """Apply the changes to the images that have drawn them."""
        kind_KN, sign_KN = parameters
        pixels_K3HW, strength = to_bytes(images_K3HW).clone(), self.magnitude / LARGEST_MAGNITUDE
        for kind_K, sign_K in zip(kind_KN.T, sign_KN.T, strict=True):
            for kind, sign in torch.stack([kind_K, sign_K], 1).unique(dim=0).tolist():
                rows = ((kind_K == kind) & (sign_K == sign)).nonzero()[:, 0].to(pixels_K3HW.device)
                pixels_K3HW[rows] = CHANGES[kind](pixels_K3HW[rows], sign * strength)
        return pixels_K3HW.to(images_K3HW.dtype)


def shear_x(images: Tensor, strength: float) -> Tensor:
    """Slant the columns, at most by 0.3 pixels for each row."""
    slant = math.degrees(math.atan(0.3 * strength))
    return F.affine(images, angle=0, translate=[0, 0], scale=1, shear=[slant, 0.0], center=[0, 0])


def shear_y(images: Tensor, strength: float) -> Tensor:
    """Slant the rows, at most by 0.3 pixels for each column."""
    slant = math.degrees(math.atan(0.3 * strength))
    return F.affine(images, angle=0, translate=[0, 0], scale=1, shear=[0.0, slant], center=[0, 0])


def translate_x(images: Tensor, strength: float) -> Tensor:
    """Shift to the side, at most by 150/331 of the width."""
    shift = int(150 / 331 * images.shape[-1] * strength)
    return F.affine(images, angle=0, translate=[shift, 0], scale=1, shear=[0.0, 0.0])


def translate_y(images: Tensor, strength: float) -> Tensor:
    """Shift up or down, at most by 150/331 of the height."""
    shift = int(150 / 331 * images.shape[-2] * strength)
    return F.affine(images, angle=0, translate=[0, shift], scale=1, shear=[0.0, 0.0])


SIGNED: dict[str, Change] = {
    "shear_x": shear_x,
    "shear_y": shear_y,
    "translate_x": translate_x,
    "translate_y": translate_y,
    "rotate": lambda images, strength: F.rotate(images, 30 * strength),
    "brightness": lambda images, strength: F.adjust_brightness(images, 1 + 0.9 * strength),
    "saturation": lambda images, strength: F.adjust_saturation(images, 1 + 0.9 * strength),
    "contrast": lambda images, strength: F.adjust_contrast(images, 1 + 0.9 * strength),
    "sharpness": lambda images, strength: F.adjust_sharpness(images, 1 + 0.9 * strength),
}
"""Changes in two directions."""
UNSIGNED: dict[str, Change] = {
    "posterize": lambda images, strength: F.posterize(images, round(8 - 4 * strength)),
    "solarize": lambda images, strength: F.solarize(images, 255 * (1 - strength)),
    "autocontrast": lambda images, strength: F.autocontrast(images),
    "equalize": lambda images, strength: F.equalize(images),
    "identity": lambda images, strength: images,
}
"""Changes in one direction, or without a strength."""
CHANGES = [*SIGNED.values(), *UNSIGNED.values()]
