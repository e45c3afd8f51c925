"""What a file of embeddings says beside the embeddings: about the model that made them, and about each face.

Shape suffixes: N embeddings, D embedding dimension.
"""

import numpy as np
from numpy.typing import NDArray

from femb_cli import __version__
from femb_cli.data.source import ImageSource
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.faces.aligned_source import AlignedFaces
from femb_cli.faces.landmark_crops import LandmarkCrops
from femb_cli.inference.embedder import Embedder

_ROWS_AT_ONCE = 1 << 16

AS_GIVEN = "as given"
"""The alignment of images that femb did not align."""


def alignment_of(source: ImageSource | None) -> str:
    """Return how the faces of a source were aligned; of an unknown source, that they were taken as given."""
    return source.alignment if isinstance(source, AlignedFaces | LandmarkCrops) else AS_GIVEN


def describe(
    embedder: Embedder, *, weights: str, flip: bool, num_rows: int, names: str, alignment: str = AS_GIVEN
) -> Description:
    """Describe embeddings.

    Args:
        embedder: the model.
        weights: its `model_digest`.
        flip: whether the embeddings of the mirror images are added.
        num_rows: number of embeddings.
        names: checksum of their names.
        alignment: how the faces were aligned.
    """
    preprocessing, card = embedder.preprocessing, embedder.card
    return Description(
        femb_version=__version__,
        model=embedder.name,
        weights=weights,
        fingerprint=embedder.fingerprint,
        flip="sum" if flip else "none",
        normalised=False,
        preprocessing={
            "input_size": preprocessing.input_size,
            "channel_order": preprocessing.channel_order,
            "mean": list(preprocessing.mean),
            "std": list(preprocessing.std),
        },
        alignment=alignment,
        computation=embedder.computation,
        num_rows=num_rows,
        embedding_dim=embedder.embedding_dim,
        names=names,
        training_data="" if card is None else card.source.get("training_data", ""),
    )


def columns_of(
    source: ImageSource, indices_N: NDArray[np.int64], rows_ND: NDArray[np.float32]
) -> dict[str, NDArray[np.generic]]:
    """Return further columns of embeddings: their magnitudes, and of aligned photos what `AlignedFaces.columns` says.

    Args:
        source: the images.
        indices_N: index in the source of each embedding.
        rows_ND: the embeddings.
    """
    blocks = [rows_ND[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows_ND), _ROWS_AT_ONCE)]
    magnitude_N = np.concatenate([np.linalg.norm(block, axis=1) for block in blocks])
    faces = source.columns(indices_N) if isinstance(source, AlignedFaces) else {}
    return {"magnitude": magnitude_N, **faces}
