"""Angles from cosines, where the addition theorem does not do, and ArcFace's curve beyond 180 degrees."""

import torch
from torch import Tensor

from femb_cli.headers.header import add_angle, sine


def angle(cosine: Tensor) -> Tensor:
    """The angle in [0, pi] of a cosine, with gradient 0 (not infinity) at cosine +-1."""
    return torch.atan2(sine(cosine), cosine)


def add_angle_continued(cosine: Tensor, margin: Tensor | float) -> Tensor:
    """cos(theta + margin), and cos(theta) - margin sin(margin) where theta exceeds pi - margin.

    The line keeps the curve falling up to theta = pi, where cos(theta + margin) would rise again.
    """
    margin = torch.as_tensor(margin, dtype=cosine.dtype, device=cosine.device)
    return torch.where(cosine > -margin.cos(), add_angle(cosine, margin), cosine - margin * margin.sin())
