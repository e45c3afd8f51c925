"""The combined margin.

Deng, Guo, Xue, Zafeiriou: ArcFace: Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019,
https://arxiv.org/abs/1801.07698, equation 4: the target's logit is s (cos(m1 theta + m2) - m3), which joins the
margins of SphereFace (m1), ArcFace (m2) and CosFace (m3).

As published the curve is not continued beyond m1 theta + m2 = pi, where it rises again. arcface_torch implements
m1 = 1 with either m2 or m3 only; all three are free here.
"""

from torch import Tensor

from femb_cli.headers.angle import angle
from femb_cli.headers.header import Header, with_gradient


class Combined(Header):
    """One margin on each side of the cosine: a factor and a summand on the angle, and a summand on the cosine.

    Args:
        scale: s.
        m1: factor on the angle.
        m2: angle added, radians.
        m3: subtracted from the cosine.
        gradient: `exact` follows the formula; `official` is that of the plain cosine, as in arcface_torch.
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
