"""Trigonometry of cosines with finite gradients everywhere, also at +-1."""

import torch
from torch import Tensor


def sine(cosine: Tensor) -> Tensor:
    """The sine of an angle in [0, pi] from its cosine, with gradient 0 (not infinity) at cosine +-1.

    Rounding can put a cosine slightly beyond +-1; its sine is 0.
    """
    square = (1 - cosine) * (1 + cosine)
    inside = square > 0
    return torch.where(inside, square, 1).sqrt() * inside


def angle(cosine: Tensor) -> Tensor:
    """The angle in [0, pi] of a cosine, with gradient 0 (not infinity) at cosine +-1."""
    return torch.atan2(sine(cosine), cosine)


def add_angle(cosine: Tensor, angle: Tensor | float) -> Tensor:
    """cos(theta + angle) for cos(theta) = cosine, by the addition theorem: it needs no arccos."""
    angle = torch.as_tensor(angle, dtype=cosine.dtype, device=cosine.device)
    return cosine * angle.cos() - sine(cosine) * angle.sin()


def add_angle_continued(cosine: Tensor, margin: Tensor | float) -> Tensor:
    """cos(theta + margin), or cos(theta) - margin sin(margin) if theta is above pi - margin.

    Above pi - margin, cos(theta + margin) would rise again; the straight line keeps falling up to theta = pi.
    """
    margin = torch.as_tensor(margin, dtype=cosine.dtype, device=cosine.device)
    return torch.where(cosine > -margin.cos(), add_angle(cosine, margin), cosine - margin * margin.sin())
