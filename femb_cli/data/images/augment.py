"""Random changes to a batch of training images, on the batch's device.

Every image draws its own change. All draws come from one CPU generator, so a step's augmentation depends on its seed
and on an image's place in the batch, but not on the device or on the number of processes. Images are RGB with values
from 0 to 255; they are normalised afterwards, see `preprocess.py`.

torchvision's transforms are not used: they apply the same change to a whole batch, clamp colours to the range, and pad
rotations with a constant.

Shapes: B images, H x W pixels (H = W).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from femb_cli.config.schema import AugmentConfig

MID_GREY = 127.5
"""Middle of the range of values: contrast scales the distance from it, and erased rectangles have this value."""
DARKEST, BRIGHTEST = -0.5 * MID_GREY, 2.5 * MID_GREY
"""Limits of changed colours: they may exceed the range by a quarter of its width."""


@dataclass(frozen=True)
class Draws:
    """Random numbers for the images of one process: drawn for the whole batch, of which this process takes its part.

    Attributes:
        generator: a CPU generator, in the same state on every process.
        rank: number of this process; it has the images at the places rank, rank + world_size, ... of the batch.
        world_size: number of processes.
    """

    generator: Generator
    rank: int = 0
    world_size: int = 1

    def uniform(self, *shape: int) -> Tensor:
        """Draw numbers from [0, 1) for each image; `shape` begins with the number of this process's images."""
        whole = torch.rand(shape[0] * self.world_size, *shape[1:], generator=self.generator)
        return whole[self.rank :: self.world_size]

    def between(self, bound: float, *shape: int) -> Tensor:
        """Draw numbers between -bound and bound."""
        return (2 * self.uniform(*shape) - 1) * bound

    def chosen(self, count: int, probability: float) -> Tensor:
        """Draw which images are changed."""
        return self.uniform(count) < probability

    def shared(self) -> float:
        """Draw one number from [0, 1) for the whole batch."""
        return torch.rand((), generator=self.generator).item()


def augment(images_B3HW: Tensor, config: AugmentConfig, draws: Draws) -> Tensor:
    """Apply the configured changes.

    Args:
        images_B3HW: RGB, values 0 to 255, uint8 or float32; not changed in place.
        config: probabilities and strengths.
        draws: the random numbers.

    Returns:
        Images of the same shape, float32; mirroring alone keeps uint8, a quarter of the memory to move.
    """
    if config != AugmentConfig(flip=config.flip):
        images_B3HW = images_B3HW.float()
    images_B3HW = move(images_B3HW, config, draws)
    if config.colour or config.grey:
        images_B3HW = recolour(images_B3HW, config.colour, config.grey, draws)
    if config.low_resolution:
        images_B3HW = lower_resolution(images_B3HW, config.low_resolution, draws)
    if config.erase:
        images_B3HW = erase(images_B3HW, config.erase, draws)
    return images_B3HW


def move(images_B3HW: Tensor, config: AugmentConfig, draws: Draws) -> Tensor:
    """Mirror, rotate, shift and zoom with a single resampling; outside its edges an image continues mirrored."""
    batch = len(images_B3HW)
    mirror_B = 1 - 2 * draws.chosen(batch, config.flip).float()
    if not (config.rotate or config.shift or config.zoom):
        chosen_B = (mirror_B < 0).to(images_B3HW.device)
        return torch.where(chosen_B[:, None, None, None], images_B3HW.flip(3), images_B3HW)
    angle_B = draws.between(math.radians(config.rotate), batch)
    zoom_B = draws.between(config.zoom, batch).exp()
    shift_B2 = draws.between(2 * config.shift, batch, 2)
    cosine_B, sine_B = zoom_B * angle_B.cos(), zoom_B * angle_B.sin()
    rows = torch.stack([cosine_B * mirror_B, -sine_B, shift_B2[:, 0], sine_B * mirror_B, cosine_B, shift_B2[:, 1]], 1)
    grid = F.affine_grid(rows.view(batch, 2, 3), list(images_B3HW.shape), align_corners=False)
    return F.grid_sample(images_B3HW, grid.to(images_B3HW), padding_mode="reflection", align_corners=False)


def recolour(images_B3HW: Tensor, strength: float, grey: float, draws: Draws) -> Tensor:
    """Change brightness, contrast, saturation and the direction of the light; make some images greyscale."""
    batch, device = len(images_B3HW), images_B3HW.device
    brightness_B, slope_B = (draws.between(strength, batch).to(device) for _ in range(2))
    contrast_B = draws.between(strength, batch).exp().to(device)
    saturation_B = draws.between(1.5 * strength, batch).exp()
    saturation_B = torch.where(draws.chosen(batch, grey), 0, saturation_B).to(device)
    luma_B1HW = images_B3HW.mean(1, keepdim=True)
    images_B3HW = luma_B1HW + (images_B3HW - luma_B1HW) * saturation_B[:, None, None, None]
    across_W = torch.linspace(-1, 1, images_B3HW.shape[3], device=device)
    # Contrast c maps x to c (x - grey) + grey, that is c x + (1 - c) grey; light adds to the second term.
    light_BW = MID_GREY * (brightness_B[:, None] + slope_B[:, None] * across_W + 1 - contrast_B[:, None])
    recoloured_B3HW = images_B3HW * contrast_B[:, None, None, None] + light_BW[:, None, None, :]
    return recoloured_B3HW.clamp(DARKEST, BRIGHTEST)


def lower_resolution(images_B3HW: Tensor, probability: float, draws: Draws) -> Tensor:
    """Scale some images down, by a factor of 2 to 4 that the batch shares, and up again."""
    chosen_B = draws.chosen(len(images_B3HW), probability).to(images_B3HW.device)
    factor = 2 + 2 * draws.shared()
    small = max(1, round(images_B3HW.shape[2] / factor))
    low_B3hw = F.interpolate(images_B3HW, size=(small, small), mode="bilinear", antialias=True)
    blurred_B3HW = F.interpolate(low_B3hw, size=images_B3HW.shape[2:], mode="bilinear")
    return torch.where(chosen_B[:, None, None, None], blurred_B3HW, images_B3HW)


def erase(images_B3HW: Tensor, probability: float, draws: Draws) -> Tensor:
    """Fill one rectangle of some images with mid-grey."""
    batch, size = len(images_B3HW), images_B3HW.shape[2]
    centre_B2 = draws.uniform(batch, 2) * size
    half_B2 = (0.05 + 0.15 * draws.uniform(batch, 2)) * size
    pixels = torch.arange(size)
    inside_B2S = (pixels - centre_B2[:, :, None]).abs() < half_B2[:, :, None]
    inside_BHW = inside_B2S[:, 0, :, None] & inside_B2S[:, 1, None, :]
    chosen_B = draws.chosen(batch, probability)
    mask_BHW = (inside_BHW & chosen_B[:, None, None]).to(images_B3HW.device)
    return images_B3HW.masked_fill(mask_BHW[:, None], MID_GREY)
