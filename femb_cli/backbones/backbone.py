"""What every backbone has in common."""

from torch import nn


class Backbone(nn.Module):
    """A network from preprocessed images to raw (not normalised) embeddings.

    Attributes:
        embedding_dim: D, the length of an embedding.
        input_size: height and width of the images, pixels.
    """

    embedding_dim: int
    input_size: int
