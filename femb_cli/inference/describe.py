"""What a file of embeddings says about the model that made them."""

from femb_cli import __version__
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.inference.embedder import Embedder


def describe(embedder: Embedder, *, weights: str, flip: bool, num_rows: int, names: str) -> Description:
    """Describe embeddings.

    Args:
        embedder: the model.
        weights: its `model_digest`.
        flip: whether the embeddings of the mirror images are added.
        num_rows: number of embeddings.
        names: checksum of their names.
    """
    preprocessing = embedder.preprocessing
    return Description(
        femb_version=__version__,
        model=embedder.name,
        weights=weights,
        fingerprint=embedder.card.fingerprint if embedder.card is not None else "",
        flip="sum" if flip else "none",
        normalised=False,
        preprocessing={
            "input_size": preprocessing.input_size,
            "channel_order": preprocessing.channel_order,
            "mean": list(preprocessing.mean),
            "std": list(preprocessing.std),
        },
        alignment="as given",
        num_rows=num_rows,
        embedding_dim=embedder.embedding_dim,
        names=names,
    )
