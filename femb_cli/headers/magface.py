"""MagFace: a margin that grows with the magnitude of the embedding.

Meng, Zhao, Huang, Zhou: MagFace: A Universal Representation for Face Recognition and Quality Assessment, CVPR 2021,
https://arxiv.org/abs/2103.06627. With the magnitude a, clamped to [l_a, u_a]:

    m(a) = (u_m - l_m) / (u_a - l_a) (a - l_a) + l_m              margin, section 3.2
    g(a) = 1 / a + a / u_a^2                                      regulariser
    L    = cross-entropy with target s cos(theta + m(a))  +  lambda_g mean(g(a))       equation 3

The regulariser is separate from the logits, because added to all logits it would cancel in the softmax. The authors'
code has two variants: with the easy margin, the margin applies only if cos(theta) > 0; without it, the target is
continued linearly, cos(theta) - m sin(m), if theta is above pi - m. Only the second one falls from 0 to pi.
Their Mag-CosFace has the target s (cos(theta) - m(a)).

The paper proves that the loss of a sample has its minimum over a inside the bounds if

    lambda_g >= s k u_a^2 l_a^2 / (u_a^2 - l_a^2),    k = (u_m - l_m) / (u_a - l_a),

which is 22.6 for the published parameters. With a smaller lambda_g, the margin can push the magnitudes of hard samples
down to l_a.
"""

import logging

import torch
from torch import Tensor

from femb_cli.headers.angle import add_angle, add_angle_continued
from femb_cli.headers.header import Header

logger = logging.getLogger("femb")


class MagFace(Header):
    """MagFace. Logs a warning if lambda_g is too small for the paper's proof.

    Args:
        kind: `arc` adds the margin to the angle (radians), `cos` subtracts it from the cosine.
        scale: s.
        l_a: lower bound of the magnitude.
        u_a: upper bound of the magnitude.
        l_margin: margin at the lower bound.
        u_margin: margin at the upper bound.
        lambda_g: weight of the regulariser.
        easy_margin: apply the margin only below 90 degrees; no effect on kind `cos`.
    """

    def __init__(
        self,
        kind: str,
        scale: float,
        l_a: float,
        u_a: float,
        l_margin: float,
        u_margin: float,
        lambda_g: float,
        easy_margin: bool,
    ) -> None:
        super().__init__(scale)
        self.kind = kind
        self.l_a, self.u_a = l_a, u_a
        self.l_margin, self.u_margin = l_margin, u_margin
        self.lambda_g = lambda_g
        self.easy_margin = easy_margin
        if lambda_g < self.smallest_lambda_g:
            logger.warning(
                f"magface: lambda_g = {lambda_g:g} is below {self.smallest_lambda_g:.5g}, the least for which the"
                " paper proves convergence; hard samples' magnitudes may fall to l_a"
            )

    @property
    def slope(self) -> float:
        """k, the slope of the margin over the magnitude."""
        return (self.u_margin - self.l_margin) / (self.u_a - self.l_a)

    @property
    def smallest_lambda_g(self) -> float:
        """The paper's bound s k u_a^2 l_a^2 / (u_a^2 - l_a^2), as s k over the slope of -g at l_a."""
        return self.scale * self.slope / (1 / self.l_a**2 - 1 / self.u_a**2)

    def margin(self, magnitude_B: Tensor) -> Tensor:
        """Return m(a), (B,)."""
        return self.slope * (magnitude_B.clamp(self.l_a, self.u_a) - self.l_a) + self.l_margin

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """cos(theta + m(a)), with the easy margin or continued linearly; or cos(theta) - m(a)."""
        margin_B = self.margin(magnitude_B)
        if self.kind == "cos":
            return cosine_B - margin_B
        if self.easy_margin:
            return torch.where(cosine_B > 0, add_angle(cosine_B, margin_B), cosine_B)
        return add_angle_continued(cosine_B, margin_B)

    def regularizer(self, magnitude_B: Tensor) -> Tensor:
        """lambda_g mean(g(a))."""
        a_B = magnitude_B.clamp(self.l_a, self.u_a)
        return self.lambda_g * (a_B / self.u_a**2 + 1 / a_B).mean()
