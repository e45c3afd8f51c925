"""ArcFace: a margin added to the target's angle.

Deng, Guo, Xue, Zafeiriou: ArcFace: Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019,
https://arxiv.org/abs/1801.07698, equation 3: the target's logit is s cos(theta + m).

As published, the target's logit rises again beyond theta = pi - m.
"""

from torch import Tensor

from femb_cli.headers.angle import add_angle
from femb_cli.headers.header import Header, with_gradient


class ArcFace(Header):
    """ArcFace.

    Args:
        scale: s.
        margin: m, radians.
        gradient: `exact` is the gradient of the formula. `official` is that of arcface_torch, which adds the angle
            under `no_grad`: the gradient of cos(theta), without the factor sin(theta + m) / sin(theta).
        interclass_filter: see `Header`; arcface_torch's `interclass_filtering_threshold`.
    """

    def __init__(self, scale: float, margin: float, gradient: str, interclass_filter: float | None) -> None:
        super().__init__(scale, interclass_filter)
        self.margin = margin
        self.gradient = gradient

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """cos(theta + m)."""
        with_margin_B = add_angle(cosine_B, self.margin)
        return with_gradient(self.gradient, cosine_B, with_margin_B)
