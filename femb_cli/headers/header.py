"""What a header is: the part of a margin softmax that differs between the papers.

Shapes: B samples of the batch, C identities. A cosine is between an embedding and a class weight; the target is
the class of the sample's own identity; the magnitude is the embedding's L2 norm before normalisation.
"""

import torch
from torch import Tensor, nn


class Header(nn.Module):
    """How the logits of one sample depend on its cosines. Subclasses state a formula; the classifier does the rest.

    What a header sees as the batch is always the batch of all processes, so that all of them draw and learn the same.

    Args:
        scale: factor on all logits.
        interclass_filter: cosine above which a negative is taken for a mislabelled image of the same person and
            gets the logit 0, without gradient; None keeps all.

    Attributes:
        normalized: whether embeddings and class weights are normalised, so that their product is a cosine.
    """

    normalized = True

    def __init__(self, scale: float = 1.0, interclass_filter: float | None = None) -> None:
        super().__init__()
        self.scale = scale
        self.interclass_filter = interclass_filter

    def seed(self, seed: int) -> None:
        """Fix what the next batch draws at random, for the headers that do."""

    def observe(self, cosine_B: Tensor, magnitude_B: Tensor) -> None:
        """Update the state of the headers that have one; called once a training batch, before its logits are made."""

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """Replace the target's cosine by the one with the margin, (B,)."""
        return cosine_B

    @property
    def changes_negatives(self) -> bool:
        """Whether `negatives` does anything; where it does not, the classifier skips it."""
        return self.interclass_filter is not None

    def negatives(self, cosine_BC: Tensor, target_B: Tensor) -> Tensor:
        """Replace the other classes' cosines, (B, C), knowing the target's own cosine before its margin, (B,).

        Entry by entry: the classifier calls it with any subset of the classes. `target_B` gets no gradient here.
        """
        return cosine_BC if self.interclass_filter is None else cosine_BC * (cosine_BC <= self.interclass_filter)

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


def with_gradient(gradient: str, cosine: Tensor, value: Tensor) -> Tensor:
    """The value with its own gradient (`exact`), or with that of the plain cosine, as some official codes have it."""
    return cosine + (value - cosine).detach() if gradient == "official" else value
