"""AdaFace.

Kim, Jain, Liu: AdaFace: Quality Adaptive Margin for Face Recognition, CVPR 2022, https://arxiv.org/abs/2204.00964,
section 3: the magnitude a, clipped to [0.001, 100] and without gradient, tells an image's quality k among its batch,

    k       = clip(h (a - mean) / std, -1, 1)
    target  = cos(theta - m k) - (m + m k),

an angle (for poor images, k = -1) that turns into a cosine's difference (for good ones, k = 1). Mean and deviation of
the magnitudes are moving averages with weight t_alpha on the newest batch, which already uses them.

As in the authors' code, 0.001 is added to the deviation, cos(theta) is kept that far from +-1, and theta - m k
from 0 and pi. That code bounds the negatives' cosines likewise; here they stay as they are, which only matters to a
sample within 2.6 degrees of a foreign class or of its opposite.
"""

import torch
from torch import Tensor

from femb_cli.headers.header import Header

EPSILON = 1e-3
MAGNITUDES = (1e-3, 100.0)


class AdaFace(Header):
    """A margin that turns from the angle to the cosine with the image's quality.

    Args:
        scale: s.
        margin: m, radians and difference of cosines alike.
        h: concentration; deviations of 1/h and more count as the poorest and the best quality.
        t_alpha: weight of the newest batch in the moving averages, in [0, 1].

    Attributes:
        batch_mean: moving average of the magnitudes' mean, a scalar.
        batch_std: moving average of their deviation, a scalar.
    """

    batch_mean: Tensor
    batch_std: Tensor

    def __init__(self, scale: float, margin: float, h: float, t_alpha: float) -> None:
        super().__init__(scale)
        self.margin = margin
        self.h = h
        self.t_alpha = t_alpha
        self.register_buffer("batch_mean", torch.tensor(20.0))
        self.register_buffer("batch_std", torch.tensor(100.0))

    def observe(self, cosine_B: Tensor, magnitude_B: Tensor) -> None:
        """Move the averages towards the batch's; one sample alone has no deviation and leaves that as it is."""
        a_B = magnitude_B.clamp(*MAGNITUDES)
        self.batch_mean.copy_(self.t_alpha * a_B.mean() + (1 - self.t_alpha) * self.batch_mean)
        if len(a_B) > 1:
            self.batch_std.copy_(self.t_alpha * a_B.std() + (1 - self.t_alpha) * self.batch_std)

    def quality(self, magnitude_B: Tensor) -> Tensor:
        """k, from -1 (poor) to 1 (good), (B,), without gradient."""
        a_B = magnitude_B.detach().clamp(*MAGNITUDES)
        return (self.h * (a_B - self.batch_mean) / (self.batch_std + EPSILON)).clamp(-1, 1)

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """cos(theta - m k) - (m + m k)."""
        margin_B = self.margin * self.quality(magnitude_B)
        angle_B = cosine_B.clamp(EPSILON - 1, 1 - EPSILON).acos() - margin_B
        return angle_B.clamp(EPSILON, torch.pi - EPSILON).cos() - (self.margin + margin_B)
