"""MagFace.

Meng, Zhao, Huang, Zhou: MagFace: A Universal Representation for Face Recognition and Quality Assessment, CVPR 2021,
https://arxiv.org/abs/2103.06627. With a the magnitude, clamped to [l_a, u_a]:

    m(a) = (u_m - l_m) / (u_a - l_a) (a - l_a) + l_m              section 3.2 of the paper
    g(a) = 1 / a + a / u_a^2                                      its regulariser
    L    = cross-entropy with target s cos(theta + m(a))  +  lambda_g mean(g(a))       equation 3

The regulariser stands apart from the logits: added to them it would cancel in the softmax. The authors' code
applies the margin only where cos(theta) > 0 (easy margin); without that rule, it continues the curve
linearly, cos(theta) - m sin(m), where theta exceeds pi - m: only then does the target fall over the whole half circle.
Their Mag-CosFace has the target s (cos(theta) - m(a)).

The paper's proof that every sample's loss has its minimum over a within the bounds requires

    lambda_g >= s k u_a^2 l_a^2 / (u_a^2 - l_a^2),    k = (u_m - l_m) / (u_a - l_a),

which is 22.6 as published; below that, the margin may push hard samples' magnitudes down to l_a.
"""

import logging

import torch
from torch import Tensor

from femb_cli.headers.angle import add_angle_continued
from femb_cli.headers.header import Header, add_angle

logger = logging.getLogger("femb")


class MagFace(Header):
    """ArcFace or CosFace with a margin that grows with the embedding's magnitude. Warns of too small a lambda_g.

    Args:
        kind: `arc` adds the margin to the angle (radians), `cos` subtracts it from the cosine.
        scale: s.
        l_a: lower bound of the magnitude.
        u_a: upper bound of the magnitude.
        l_margin: margin at the lower bound.
        u_margin: margin at the upper bound.
        lambda_g: weight of the regulariser.
        easy_margin: apply the margin only below 90 degrees; of no effect on kind `cos`.
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
        """k, how fast the margin grows with the magnitude."""
        return (self.u_margin - self.l_margin) / (self.u_a - self.l_a)

    @property
    def smallest_lambda_g(self) -> float:
        """The paper's bound s k u_a^2 l_a^2 / (u_a^2 - l_a^2), written with the slope of g at l_a."""
        return self.scale * self.slope / (1 / self.l_a**2 - 1 / self.u_a**2)

    def margin(self, magnitude_B: Tensor) -> Tensor:
        """m(a), (B,)."""
        return self.slope * (magnitude_B.clamp(self.l_a, self.u_a) - self.l_a) + self.l_margin

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """cos(theta + m(a)), within the easy margin's or the linear continuation's bounds; or cos(theta) - m(a)."""
        margin_B = self.margin(magnitude_B)
        if self.kind == "cos":
            return cosine_B - margin_B
        if self.easy_margin:
            return torch.where(cosine_B > 0, add_angle(cosine_B, margin_B), cosine_B)
        return add_angle_continued(cosine_B, margin_B)

    def regularizer(self, magnitude_B: Tensor) -> Tensor:
        """lambda_g times the batch's mean of g(a)."""
        a_B = magnitude_B.clamp(self.l_a, self.u_a)
        return self.lambda_g * (a_B / self.u_a**2 + 1 / a_B).mean()
