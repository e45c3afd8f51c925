"""MagFace.

Meng, Zhao, Huang, Zhou: MagFace: A Universal Representation for Face Recognition and Quality Assessment, CVPR 2021,
https://arxiv.org/abs/2103.06627. With a the magnitude, clamped to [l_a, u_a]:

    m(a) = (u_m - l_m) / (u_a - l_a) (a - l_a) + l_m              section 3.2 of the paper
    g(a) = 1 / a + a / u_a^2                                      its regulariser
    L    = cross-entropy with target s cos(theta + m(a))  +  lambda_g mean(g(a))       equation 3

The regulariser stands apart from the logits: added to them it would cancel in the softmax. The authors' code
applies the margin only where cos(theta) > 0 (easy margin); without that rule, it continues the curve
linearly, cos(theta) - m sin(m), where theta exceeds pi - m.
"""

import torch
from torch import Tensor

from femb_cli.headers.header import Header, add_angle


class MagFace(Header):
    """ArcFace with a margin that grows with the embedding's magnitude.

    Args:
        scale: s.
        l_a: lower bound of the magnitude.
        u_a: upper bound of the magnitude.
        l_margin: margin at the lower bound, radians.
        u_margin: margin at the upper bound, radians.
        lambda_g: weight of the regulariser.
        easy_margin: apply the margin only below 90 degrees.
    """

    def __init__(
        self,
        scale: float,
        l_a: float,
        u_a: float,
        l_margin: float,
        u_margin: float,
        lambda_g: float,
        easy_margin: bool,
    ) -> None:
        super().__init__(scale)
        self.l_a, self.u_a = l_a, u_a
        self.l_margin, self.u_margin = l_margin, u_margin
        self.lambda_g = lambda_g
        self.easy_margin = easy_margin

    def margin(self, magnitude_B: Tensor) -> Tensor:
        """m(a), radians, (B,)."""
        a_B = magnitude_B.clamp(self.l_a, self.u_a)
        return (self.u_margin - self.l_margin) / (self.u_a - self.l_a) * (a_B - self.l_a) + self.l_margin

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """cos(theta + m(a)), within the easy margin's or the linear continuation's bounds."""
        margin_B = self.margin(magnitude_B)
        with_margin_B = add_angle(cosine_B, margin_B)
        if self.easy_margin:
            return torch.where(cosine_B > 0, with_margin_B, cosine_B)
        continued_B = cosine_B - margin_B * margin_B.sin()
        return torch.where(cosine_B > -margin_B.cos(), with_margin_B, continued_B)

    def regularizer(self, magnitude_B: Tensor) -> Tensor:
        """lambda_g times the batch's mean of g(a)."""
        a_B = magnitude_B.clamp(self.l_a, self.u_a)
        return self.lambda_g * (a_B / self.u_a**2 + 1 / a_B).mean()
