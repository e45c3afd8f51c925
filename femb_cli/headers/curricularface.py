"""CurricularFace: ArcFace with a growing weight on hard negatives.

Huang, Wang, Tai, Liu, Shen, Li, Li, Huang: CurricularFace: Adaptive Curriculum Learning Loss for Deep Face
Recognition, CVPR 2020, https://arxiv.org/abs/2004.00288, section 3. The target's logit is ArcFace's, s cos(theta + m).
A negative with cosine c is hard if c > cos(theta + m); its logit becomes

    s c (t + c)    with    t <- alpha mean(cos(theta)) + (1 - alpha) t    in each batch, starting at 0.

The larger the targets' cosines become, the more the hard negatives count.

As in the authors' code, the target's logit is continued linearly beyond theta = pi - m, but the comparison uses
cos(theta + m) everywhere.
"""

import torch
from torch import Tensor

from femb_cli.headers.angle import add_angle, add_angle_continued
from femb_cli.headers.header import Header


class CurricularFace(Header):
    """CurricularFace.

    Args:
        scale: s.
        margin: m, radians.
        alpha: weight of the newest batch in the moving average t, in [0, 1].

    Attributes:
        t: moving average of the targets' mean cosine, a scalar in [-1, 1], without gradient.
    """

    changes_negatives = True

    t: Tensor

    def __init__(self, scale: float, margin: float, alpha: float) -> None:
        super().__init__(scale)
        self.margin = margin
        self.alpha = alpha
        self.register_buffer("t", torch.zeros(()))

    def observe(self, cosine_B: Tensor, magnitude_B: Tensor) -> None:
        """Update t with the batch's mean cosine."""
        self.t.copy_(self.alpha * cosine_B.mean() + (1 - self.alpha) * self.t)

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """cos(theta + m), continued linearly beyond theta = pi - m."""
        return add_angle_continued(cosine_B, self.margin)

    def negatives(self, cosine_BC: Tensor, target_B: Tensor) -> Tensor:
        """Replace c by c (t + c) where c > cos(theta + m)."""
        is_hard_BC = cosine_BC > add_angle(target_B, self.margin)[:, None]
        return torch.where(is_hard_BC, cosine_BC * (self.t + cosine_BC), cosine_BC)
