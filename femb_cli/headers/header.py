"""What a header is: the part of a margin softmax that differs between the papers.

Shapes: B samples of the batch, C identities. A cosine is between an embedding and a class weight; the target is
the class of the sample's own identity; the magnitude is the embedding's L2 norm before normalisation.
"""

import torch
from torch import Tensor, nn


class Header(nn.Module):
    """How the logits of one sample depend on its cosines. Subclasses state a formula; the classifier does the rest.

    Attributes:
        normalized: whether embeddings and class weights are normalised, so that their product is a cosine.
        scale: factor on all logits.
    """

    normalized = True

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """Replace the target's cosine by the one with the margin, (B,)."""
        return cosine_B

    def negatives(self, cosine_BC: Tensor, target_B: Tensor) -> Tensor:
        """Replace the other classes' cosines, (B, C), knowing the target's own cosine before its margin, (B,)."""
        return cosine_BC

    def logit_scale(self, magnitude_B: Tensor) -> Tensor | float:
        """Factor from cosines to logits: one number, or (B,)."""
        return self.scale

    def regularizer(self, magnitude_B: Tensor) -> Tensor:
        """What is added to the loss beside the cross-entropy, weight included: a scalar."""
        return magnitude_B.new_zeros(())


def sine(cosine: Tensor) -> Tensor:
    """The sine of an angle in [0, pi] from its cosine, with gradient 0 (not infinity) at cosine +-1.

    Rounding may put a cosine a little beyond +-1; its sine is 0.
    """
    square = (1 - cosine) * (1 + cosine)
    inside = square > 0
    return torch.where(inside, square, 1).sqrt() * inside


def add_angle(cosine: Tensor, angle: Tensor | float) -> Tensor:
    """cos(theta + angle) for cos(theta) = cosine, by the addition theorem: no arccos, finite gradients everywhere."""
    angle = torch.as_tensor(angle, dtype=cosine.dtype, device=cosine.device)
    return cosine * angle.cos() - sine(cosine) * angle.sin()
