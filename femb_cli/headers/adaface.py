"""AdaFace: a margin that depends on the quality of the image.

Kim, Jain, Liu: AdaFace: Quality Adaptive Margin for Face Recognition, CVPR 2022, https://arxiv.org/abs/2204.00964,
section 3. The magnitude a, clipped to [0.001, 100] and without gradient, measures the quality k of an image:

    k       = clip(h (a - mean) / std, -1, 1)
    target  = cos(theta - m k) - (m + m k)

For poor images (k = -1) the margin is an angle, cos(theta + m), and for good ones (k = 1) it is angle and difference,
cos(theta - m) - 2m. Mean and standard deviation of the magnitudes are moving averages; the newest batch has the weight
t_alpha and is included before its own logits are computed.

As in the authors' code, 0.001 is added to the standard deviation, and cos(theta) and theta - m k are clipped to stay
0.001 inside their ranges. The authors' code also clips the negatives' cosines; femb does not. The results differ only
for a sample within 2.6 degrees of a negative's class weight or of its opposite.
"""

import torch
from torch import Tensor

from femb_cli.headers.header import Header

EPSILON = 1e-3
MAGNITUDES = (1e-3, 100.0)
"""Range to which magnitudes are clipped."""


class AdaFace(Header):
    """AdaFace.

    Args:
        scale: s.
        margin: m, in radians where it is an angle.
        h: concentration: the quality reaches -1 and 1 at 1/h standard deviations from the mean.
        t_alpha: weight of the newest batch in the moving averages, in [0, 1].

    Attributes:
        batch_mean: moving average of the mean magnitude, a scalar.
        batch_std: moving average of the standard deviation of the magnitudes, a scalar.
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
        """Update the moving averages; a batch of one sample has no standard deviation and updates only the mean."""
        a_B = magnitude_B.clamp(*MAGNITUDES)
        self.batch_mean.copy_(self.t_alpha * a_B.mean() + (1 - self.t_alpha) * self.batch_mean)
        if len(a_B) > 1:
            self.batch_std.copy_(self.t_alpha * a_B.std() + (1 - self.t_alpha) * self.batch_std)

    def quality(self, magnitude_B: Tensor) -> Tensor:
        """Return k, from -1 (poor) to 1 (good), (B,), without gradient."""
        a_B = magnitude_B.detach().clamp(*MAGNITUDES)
        return (self.h * (a_B - self.batch_mean) / (self.batch_std + EPSILON)).clamp(-1, 1)

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """cos(theta - m k) - (m + m k)."""
        margin_B = self.margin * self.quality(magnitude_B)
        angle_B = cosine_B.clamp(EPSILON - 1, 1 - EPSILON).acos() - margin_B
        return angle_B.clamp(EPSILON, torch.pi - EPSILON).cos() - (self.margin + margin_B)
