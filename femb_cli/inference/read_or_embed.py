"""Embeddings from a file, or of images that are embedded on the way."""

from collections.abc import Callable
from pathlib import Path

from femb_cli.data.open import open_images
from femb_cli.data.source import names_of
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.names import name_lines, names_digest
from femb_cli.evaluation.embeddings.read import StoredEmbeddings, read_embeddings
from femb_cli.evaluation.embeddings.recognise import holds_embeddings
from femb_cli.inference.describe import describe
from femb_cli.inference.embed import embed_source
from femb_cli.inference.embed_job import alignment_warning
from femb_cli.inference.embedder import Embedder
from femb_cli.inference.model_digest import model_digest
from femb_cli.progress import Progress, Say, silent


def read_or_embed(
    path: Path,
    embedder: Callable[[], Embedder],
    *,
    flip: bool | None = None,
    batch_size: int = 64,
    skip_bad: bool = False,
    warn: Say = silent,
    progress: Progress | None = None,
) -> StoredEmbeddings:
    """Read a file of embeddings; open anything else as images and embed them, in memory.

    Args:
        path: a file of embeddings, whose rows are a memory map if it is a `.npy` file; or an image, a folder, a zip, a
            list, a dataset, an id on the Hub.
        embedder: returns the model; called only if there are images to embed.
        flip: add the embeddings of the mirror images; None for the model's own convention.
        batch_size: images in a batch.
        skip_bad: leave out unreadable images, with a warning each, instead of failing.
        warn: called with a line about images that may not be aligned, and about each image that is left out.
        progress: called with the number of images done, and the total.

    Raises:
        FembError: the path cannot be read, or no image of it can.
    """
    if holds_embeddings(path):
        return read_embeddings(path, mmap_mode="r")
    source = open_images((path,))
    if (warning := alignment_warning(source)) is not None:
        warn(warning)
    model = embedder()
    flip = model.flip == "sum" if flip is None else flip
    embedded = embed_source(model, source, batch_size=batch_size, flip=flip, skip_bad=skip_bad, progress=progress)
    for name, problem in embedded.failed:
        warn(f"left out {name}: {problem}")
    names = names_of(source, embedded.indices_N)
    if not names:
        raise FembError(f"no image of {path} can be read")
    description = describe(
        model, weights=model_digest(model), flip=flip, num_rows=len(names), names=names_digest(name_lines(names))
    )
    return StoredEmbeddings(path, embedded.rows_ND, names, description)
