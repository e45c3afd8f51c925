"""SphereFace: a margin that multiplies the target's angle.

Liu, Wen, Yu, Li, Raj, Song: SphereFace: Deep Hypersphere Embedding for Face Recognition, CVPR 2017,
https://arxiv.org/abs/1704.08063, equation 7: the target's logit is |x| psi(theta) with

    psi(theta) = (-1)^k cos(m theta) - 2k   for theta in [k pi / m, (k + 1) pi / m],

which falls from 1 to below -1 for theta from 0 to pi. The margin m may be fractional: the last piece then ends at pi.
The authors' later code replaces |x| by a constant scale; both are available.

SphereFace-R (Liu, Wen, Raj, Singh, Weller: SphereFace Revived: Unifying Hyperspherical Face Recognition, TPAMI 2022,
https://arxiv.org/abs/2109.05565) simplifies the margin in two versions:

    capped       target cos(min(m theta, pi))                         version 1
    negatives    target cos(theta), negatives cos(theta / m)          version 2

It also multiplies the loss by a constant over s; femb leaves such a factor to the learning rate. SphereFace2 is not a
header: it is a binary loss of each sample and class, without a softmax.
"""

import math

from torch import Tensor

from femb_cli.headers.angle import angle
from femb_cli.headers.header import Header, with_gradient


class SphereFace(Header):
    """SphereFace.

    Args:
        scale: s, or None for the magnitude |x| of each embedding (A-Softmax).
        margin: m, at least 1.
        variant: `psi`, or SphereFace-R's `capped` or `negatives`.
        annealing: lambda of A-Softmax, at least 0: the target is (lambda cos(theta) + psi) / (1 + lambda). It is
            constant here; the published training lowers it from step to step, in a well-known version as
            max(5, 1500 / (1 + iteration / 10)).
        gradient: `exact` is the gradient of the formula with constant k. `official` is that of cos(theta), the authors'
            "characteristic gradient detachment".
    """

    def __init__(self, scale: float | None, margin: float, variant: str, annealing: float, gradient: str) -> None:
        super().__init__(scale or 1.0)
        self.scale_by_magnitude = scale is None
        self.margin = margin
        self.variant = variant
        self.annealing = annealing
        self.gradient = gradient

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """psi(theta) or its capped form, with annealing; cos(theta) in the variant `negatives`."""
        if self.variant == "negatives":
            return cosine_B
        multiplied_B = self.margin * angle(cosine_B)
        with_margin_B = psi(multiplied_B) if self.variant == "psi" else multiplied_B.clamp(max=math.pi).cos()
        return with_gradient(self.gradient, cosine_B, cosine_B + (with_margin_B - cosine_B) / (1 + self.annealing))

    @property
    def changes_negatives(self) -> bool:
        """Whether this is the variant `negatives`."""
        return self.variant == "negatives"

    def negatives(self, cosine_BC: Tensor, target_B: Tensor) -> Tensor:
        """cos(theta / m) in the variant `negatives`."""
        if not self.changes_negatives:
            return cosine_BC
        return with_gradient(self.gradient, cosine_BC, (angle(cosine_BC) / self.margin).cos())

    def logit_scale(self, magnitude_B: Tensor) -> Tensor | float:
        """s, or |x|."""
        return magnitude_B if self.scale_by_magnitude else self.scale


def psi(multiplied_B: Tensor) -> Tensor:
    """(-1)^k cos(m theta) - 2k from the angles m theta; k has no gradient."""
    piece_B = (multiplied_B.detach() / math.pi).floor()
    sign_B = 1 - 2 * (piece_B % 2)
    return sign_B * multiplied_B.cos() - 2 * piece_B
