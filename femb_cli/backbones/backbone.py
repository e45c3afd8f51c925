"""The base class of all backbones."""

from torch import nn


class Backbone(nn.Module):
    """A network from preprocessed images to raw (not normalised) embeddings.

    Attributes:
        embedding_dim: D, the number of entries of an embedding.
        input_size: height and width of the images, pixels.
    """

    embedding_dim: int
    input_size: int

    def init_weights(self) -> None:
        """Draw fresh weights: He's normal distribution for convolutions, PyTorch's default for all other layers.

        The constructor does not call it, because a network whose weights come from a file needs no random ones.

        He, Zhang, Ren, Sun: Delving Deep into Rectifiers, ICCV 2015, https://arxiv.org/abs/1502.01852, equation 14.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
