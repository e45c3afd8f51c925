"""The margin softmax over all identities.

Shapes: B samples of the batch, D embedding dimension, C identities.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from femb_cli.headers import Header


@dataclass(frozen=True)
class ClassifierOutput:
    """What one batch costs; all scalars.

    Attributes:
        loss: what is minimised, cross_entropy + regularizer.
        cross_entropy: mean over the batch.
        regularizer: the header's term on the magnitudes, weight included.
        magnitude: mean magnitude of the batch's embeddings, detached.
    """

    loss: Tensor
    cross_entropy: Tensor
    regularizer: Tensor
    magnitude: Tensor


class MarginClassifier(nn.Module):
    """Class weights, and the softmax that a header turns their cosines into.

    Computes in float32 (float64 for float64 embeddings) under any autocast.

    Args:
        header: the margin's formula.
        embedding_dim: D.
        num_identities: C.
    """

    def __init__(self, header: Header, embedding_dim: int, num_identities: int) -> None:
        super().__init__()
        self.header = header
        self.weight = nn.Parameter(torch.empty(num_identities, embedding_dim))
        nn.init.normal_(self.weight, std=0.01)

    def forward(self, embeddings_BD: Tensor, labels_B: Tensor) -> ClassifierOutput:
        """Compute the loss of raw (not normalised) embeddings and their identities' numbers in [0, C)."""
        with torch.autocast(embeddings_BD.device.type, enabled=False):
            embeddings_BD = _at_least_float32(embeddings_BD)
            magnitude_B = embeddings_BD.norm(dim=1)
            cross_entropy = F.cross_entropy(self._logits(embeddings_BD, labels_B, magnitude_B), labels_B)
            regularizer = self.header.regularizer(magnitude_B)
            return ClassifierOutput(
                cross_entropy + regularizer, cross_entropy, regularizer, magnitude_B.detach().mean()
            )

    def logits(self, embeddings_BD: Tensor, labels_B: Tensor) -> Tensor:
        """Compute the full (B, C) matrix that goes into the softmax, margin and scale applied."""
        with torch.autocast(embeddings_BD.device.type, enabled=False):
            embeddings_BD = _at_least_float32(embeddings_BD)
            return self._logits(embeddings_BD, labels_B, embeddings_BD.norm(dim=1))

    def _logits(self, embeddings_BD: Tensor, labels_B: Tensor, magnitude_B: Tensor) -> Tensor:
        weight_CD = self.weight.to(embeddings_BD.dtype)
        if self.header.normalized:
            embeddings_BD, weight_CD = F.normalize(embeddings_BD), F.normalize(weight_CD)
        cosine_BC = embeddings_BD @ weight_CD.T
        target_B1 = cosine_BC.gather(1, labels_B[:, None])
        with_margin_B = self.header.target(target_B1.squeeze(1), magnitude_B)
        negatives_BC = self.header.negatives(cosine_BC, target_B1.squeeze(1))
        logits_BC = negatives_BC.scatter(1, labels_B[:, None], with_margin_B[:, None])
        scale = self.header.logit_scale(magnitude_B)
        return logits_BC * (scale[:, None] if isinstance(scale, Tensor) else scale)


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()
