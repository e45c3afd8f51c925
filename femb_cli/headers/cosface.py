"""CosFace: a margin subtracted from the target's cosine.

Wang, Wang, Zhou, Ji, Gong, Zhou, Li, Liu: CosFace: Large Margin Cosine Loss for Deep Face Recognition, CVPR 2018,
https://arxiv.org/abs/1801.09414, equation 4: the target's logit is s (cos(theta) - m).
"""

from torch import Tensor

from femb_cli.headers.header import Header


class CosFace(Header):
    """CosFace.

    Args:
        scale: s.
        margin: m, a difference of cosines.
        interclass_filter: see `Header`; arcface_torch's `interclass_filtering_threshold`.
    """

    def __init__(self, scale: float, margin: float, interclass_filter: float | None) -> None:
        super().__init__(scale, interclass_filter)
        self.margin = margin

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """cos(theta) - m."""
        return cosine_B - self.margin
