"""SphereFace.

Liu, Wen, Yu, Li, Raj, Song: SphereFace: Deep Hypersphere Embedding for Face Recognition, CVPR 2017,
https://arxiv.org/abs/1704.08063, equation 7: the target's logit is |x| psi(theta) with

    psi(theta) = (-1)^k cos(m theta) - 2k   for theta in [k pi / m, (k + 1) pi / m],

which falls from 1 to below -1 over the whole half circle. The margin m need not be whole: the last piece is then
cut off at pi. The authors' later code replaces |x| by a constant scale; both are here.
"""

import math

import torch
from torch import Tensor

from femb_cli.headers.header import Header


class SphereFace(Header):
    """The margin multiplies the target's angle.

    Args:
        scale: s, or None for the embedding's own magnitude (A-Softmax).
        margin: m, at least 1.
    """

    def __init__(self, scale: float | None, margin: float) -> None:
        super().__init__(scale or 1.0)
        self.scale_by_magnitude = scale is None
        self.margin = margin

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """psi(theta), with the piece k constant in the gradient."""
        # The arc cosine's gradient is infinite at +-1, where rounding is coarser than this step anyway.
        bound = 1 - torch.finfo(cosine_B.dtype).eps
        angle_B = self.margin * torch.acos(cosine_B.clamp(-bound, bound))
        piece_B = (angle_B.detach() / math.pi).floor()
        sign_B = 1 - 2 * (piece_B % 2)
        return sign_B * angle_B.cos() - 2 * piece_B

    def logit_scale(self, magnitude_B: Tensor) -> Tensor | float:
        """s, or |x|."""
        return magnitude_B if self.scale_by_magnitude else self.scale
