"""The base class of all backbones."""

from collections.abc import Sequence
from typing import Self

from torch import nn


class Backbone(nn.Module):
    """A network from preprocessed images to raw (not normalised) embeddings.

    Attributes:
        embedding_dim: D, the number of entries of an embedding.
        input_size: height and width of the images, pixels.
        keep_statistics: batch norms whose running mean and variance are used, and not changed, in training.
    """

    embedding_dim: int
    input_size: int

    def __init__(self) -> None:
        super().__init__()
        self.keep_statistics: list[nn.Module] = []

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation; batch norms in `keep_statistics` stay in evaluation."""
        super().train(mode)
        for module in self.keep_statistics:
            module.eval()
        return self

    def blocks_to_recompute(self) -> Sequence[nn.Module]:
        """Return the parts that hold most activations, each with one input and one output.

        Raises:
            NotImplementedError: the network's class does not say which parts these are.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say which blocks can be computed again")

    def init_weights(self) -> None:
        """Draw fresh weights: He's normal distribution for convolutions, PyTorch's default for all other layers.

        The constructor does not call it, because a network whose weights come from a file needs no random ones.

        He, Zhang, Ren, Sun: Delving Deep into Rectifiers, ICCV 2015, https://arxiv.org/abs/1502.01852, equation 14.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
