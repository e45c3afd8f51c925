"""A small embedder with known embeddings."""

import torch
from torch import nn

from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.inference.embedder import Embedder


class LinearNetwork(nn.Module):
    """A linear map of the mean colour that counts its calls."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.linear = nn.Linear(3, 5)
        self.calls = 0

    def forward(self, images_B3HW):
        self.calls += 1
        return self.linear(images_B3HW.mean((2, 3)))


def linear_embedder(seed: int = 0, flip: str = "none", **preprocessing: object) -> Embedder:
    return Embedder(
        LinearNetwork(seed).eval(),
        Preprocessing(**preprocessing),
        embedding_dim=5,
        name="network",
        flip=flip,
        device=torch.device("cpu"),
    )
