"""Random changes to a batch of training images, on the batch's device.

Every image draws its own change. All draws come from one CPU generator, so a step's augmentation depends on its seed
and not on the device. Images are RGB with values from 0 to 255; they are normalised afterwards, see `preprocess.py`.

torchvision's transforms are not used: they apply the same change to a whole batch, clamp colours to the range, and pad
rotations with a constant.

Shapes: B images, H x W pixels (H = W).
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from femb_cli.config.schema import AugmentConfig

MID_GREY = 127.5
"""Middle of the range of values: contrast scales the distance from it, and erased rectangles have this value."""
DARKEST, BRIGHTEST = -0.5 * MID_GREY, 2.5 * MID_GREY
"""Limits of changed colours: they may exceed the range by a quarter of its width."""


def augment(images_B3HW: Tensor, config: AugmentConfig, generator: Generator) -> Tensor:
    """Apply the configured changes.

    Args:
        images_B3HW: RGB, values 0 to 255, uint8 or float32; not changed in place.
        config: probabilities and strengths.
        generator: a CPU generator.

    Returns:
        Images of the same shape, float32; mirroring alone keeps uint8, a quarter of the memory to move.
    """
    if config != AugmentConfig(flip=config.flip):
        images_B3HW = images_B3HW.float()
    images_B3HW = move(images_B3HW, config, generator)
    if config.colour or config.grey:
        images_B3HW = recolour(images_B3HW, config.colour, config.grey, generator)
    if config.low_resolution:
        images_B3HW = lower_resolution(images_B3HW, config.low_resolution, generator)
    if config.erase:
        images_B3HW = erase(images_B3HW, config.erase, generator)
    return images_B3HW


def move(images_B3HW: Tensor, config: AugmentConfig, generator: Generator) -> Tensor:
    """Mirror, rotate, shift and zoom with a single resampling; outside its edges an image continues mirrored."""
    batch = len(images_B3HW)
    mirror_B = 1 - 2 * _chosen(batch, config.flip, generator).float()
    if not (config.rotate or config.shift or config.zoom):
        chosen_B = (mirror_B < 0).to(images_B3HW.device)
        return torch.where(chosen_B[:, None, None, None], images_B3HW.flip(3), images_B3HW)
    angle_B = _uniform(batch, math.radians(config.rotate), generator)
    zoom_B = _uniform(batch, config.zoom, generator).exp()
    shift_B2 = _uniform(2 * batch, 2 * config.shift, generator).view(batch, 2)
    cosine_B, sine_B = zoom_B * angle_B.cos(), zoom_B * angle_B.sin()
    rows = torch.stack([cosine_B * mirror_B, -sine_B, shift_B2[:, 0], sine_B * mirror_B, cosine_B, shift_B2[:, 1]], 1)
    grid = F.affine_grid(rows.view(batch, 2, 3), list(images_B3HW.shape), align_corners=False)
    return F.grid_sample(images_B3HW, grid.to(images_B3HW), padding_mode="reflection", align_corners=False)


def recolour(images_B3HW: Tensor, strength: float, grey: float, generator: Generator) -> Tensor:
    """Change brightness, contrast, saturation and the direction of the light; make some images greyscale."""
    batch, device = len(images_B3HW), images_B3HW.device
    brightness_B, slope_B = (_uniform(batch, strength, generator).to(device) for _ in range(2))
    contrast_B = _uniform(batch, strength, generator).exp().to(device)
    saturation_B = _uniform(batch, 1.5 * strength, generator).exp()
    saturation_B = torch.where(_chosen(batch, grey, generator), 0, saturation_B).to(device)
    luma_B1HW = images_B3HW.mean(1, keepdim=True)
    images_B3HW = luma_B1HW + (images_B3HW - luma_B1HW) * saturation_B[:, None, None, None]
    across_W = torch.linspace(-1, 1, images_B3HW.shape[3], device=device)
    # Contrast c maps x to c (x - grey) + grey, that is c x + (1 - c) grey; light adds to the second term.
    light_BW = MID_GREY * (brightness_B[:, None] + slope_B[:, None] * across_W + 1 - contrast_B[:, None])
    recoloured_B3HW = images_B3HW * contrast_B[:, None, None, None] + light_BW[:, None, None, :]
    return recoloured_B3HW.clamp(DARKEST, BRIGHTEST)


def lower_resolution(images_B3HW: Tensor, probability: float, generator: Generator) -> Tensor:
    """Scale some images down, by a factor of 2 to 4 that the batch shares, and up again."""
    chosen_B = _chosen(len(images_B3HW), probability, generator).to(images_B3HW.device)
    factor = 2 + 2 * torch.rand((), generator=generator).item()
    small = max(1, round(images_B3HW.shape[2] / factor))
    low_B3hw = F.interpolate(images_B3HW, size=(small, small), mode="bilinear", antialias=True)
    blurred_B3HW = F.interpolate(low_B3hw, size=images_B3HW.shape[2:], mode="bilinear")
    return torch.where(chosen_B[:, None, None, None], blurred_B3HW, images_B3HW)


def erase(images_B3HW: Tensor, probability: float, generator: Generator) -> Tensor:
    """Fill one rectangle of some images with mid-grey."""
    batch, size = len(images_B3HW), images_B3HW.shape[2]
    centre_B2 = torch.rand(batch, 2, generator=generator) * size
    half_B2 = (0.05 + 0.15 * torch.rand(batch, 2, generator=generator)) * size
    pixels = torch.arange(size)
    inside_B2S = (pixels - centre_B2[:, :, None]).abs() < half_B2[:, :, None]
    inside_BHW = inside_B2S[:, 0, :, None] & inside_B2S[:, 1, None, :]
    chosen_B = _chosen(batch, probability, generator)
    mask_BHW = (inside_BHW & chosen_B[:, None, None]).to(images_B3HW.device)
    return images_B3HW.masked_fill(mask_BHW[:, None], MID_GREY)


def _uniform(count: int, bound: float, generator: Generator) -> Tensor:
    """Draw numbers between -bound and bound."""
    return (2 * torch.rand(count, generator=generator) - 1) * bound


def _chosen(count: int, probability: float, generator: Generator) -> Tensor:
    """Draw which images are changed."""
    return torch.rand(count, generator=generator) < probability
