"""The base class of headers: the part of a margin softmax that differs between the papers.

Shapes: B samples of the batch, C identities. A cosine is between an embedding and a class weight. The target class of a
sample is its own identity; the negatives are all other classes. The magnitude is the L2 norm of the embedding before
normalisation.
"""

from torch import Tensor, nn


class Header(nn.Module):
    """A margin formula: it turns the cosines of a sample into its logits.

    A subclass holds the formula of a paper; `MarginClassifier` does everything else, and calls the methods below with
    the batch of all processes, so that random draws and moving averages are the same on every process.

    Args:
        scale: s, the factor on all logits.
        interclass_filter: set the logit of a negative to 0, without gradient, if its cosine is above this value: the
            image probably shows the same person under a wrong label. None keeps all.

    Attributes:
        normalized: whether embeddings and class weights are normalised, so that their inner product is a cosine.
    """

    normalized = True

    def __init__(self, scale: float = 1.0, interclass_filter: float | None = None) -> None:
        super().__init__()
        self.scale = scale
        self.interclass_filter = interclass_filter

    def seed(self, seed: int, places_B: Tensor | None = None) -> None:
        """Seed the random draws of the next batch, if the header makes any.

        Args:
            seed: of the step.
            places_B: the place of each sample in the batch of the step, int64, (B,); None if it is not known: the draws
                then depend on the order of the calls.
        """

    def observe(self, cosine_B: Tensor, magnitude_B: Tensor) -> None:
        """Update the header's state, if it has one. Called once in each training batch, before the logits.

        Args:
            cosine_B: the targets' cosines, without gradient.
            magnitude_B: the magnitudes, without gradient.
        """

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """Apply the margin to the targets' cosines, (B,)."""
        return cosine_B

    @property
    def changes_negatives(self) -> bool:
        """Whether `negatives` changes anything; if not, the classifier skips its gradient."""
        return self.interclass_filter is not None

    def negatives(self, cosine_BC: Tensor, target_B: Tensor) -> Tensor:
        """Change the negatives' cosines, each independently of the others, (B, C).

        Args:
            cosine_BC: cosines with any subset of the classes.
            target_B: the targets' cosines before the margin; no gradient flows into them.
        """
        return cosine_BC if self.interclass_filter is None else cosine_BC * (cosine_BC <= self.interclass_filter)

    def logit_scale(self, magnitude_B: Tensor) -> Tensor | float:
        """Return the factor from cosines to logits: one number, or one for each sample (B,)."""
        return self.scale

    def regularizer(self, magnitude_B: Tensor) -> Tensor:
        """Return the term that the loss adds to the cross-entropy, weight included: a scalar."""
        return magnitude_B.new_zeros(())


def with_gradient(gradient: str, cosine: Tensor, value: Tensor) -> Tensor:
    """Return the value with its own gradient (`exact`), or with that of the cosine (`official`).

    Some official implementations compute the margin without gradient, so that the gradient is that of the cosine.
    """
    return cosine + (value - cosine).detach() if gradient == "official" else value
