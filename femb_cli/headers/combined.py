"""The combined margin: SphereFace, ArcFace and CosFace in one formula.

Deng, Guo, Xue, Zafeiriou: ArcFace: Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019,
https://arxiv.org/abs/1801.07698, equation 4: the target's logit is s (cos(m1 theta + m2) - m3), with the
margins of SphereFace (m1), ArcFace (m2) and CosFace (m3).

As published, the target's logit rises again beyond m1 theta + m2 = pi. arcface_torch implements only m1 = 1 with either
m2 or m3; here all three are free.
"""

from torch import Tensor

from femb_cli.headers.angle import angle
from femb_cli.headers.header import Header, with_gradient


class Combined(Header):
    """The combined margin.

    Args:
        scale: s.
        m1: factor on the angle.
        m2: angle added, radians.
        m3: subtracted from the cosine.
        gradient: `exact` is the gradient of the formula; `official` is that of cos(theta), as in arcface_torch.
        interclass_filter: see `Header`; arcface_torch's `interclass_filtering_threshold`.
    """

    def __init__(
        self, scale: float, m1: float, m2: float, m3: float, gradient: str, interclass_filter: float | None
    ) -> None:
        super().__init__(scale, interclass_filter)
        self.m1, self.m2, self.m3 = m1, m2, m3
        self.gradient = gradient

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """cos(m1 theta + m2) - m3."""
        with_margin_B = (self.m1 * angle(cosine_B) + self.m2).cos() - self.m3
        return with_gradient(self.gradient, cosine_B, with_margin_B)
