"""Embed a source into a file, chunk by chunk, so that an interruption loses one chunk at most."""

from pathlib import Path

import numpy as np
from accelerate import PartialState

from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings_file import read_rows, refuse_existing_embeddings
from femb_cli.inference.embed import Embeddings, embed_source
from femb_cli.inference.embedder import Embedder
from femb_cli.inference.unfinished_embeddings import UnfinishedEmbeddings
from femb_cli.progress import Progress

CHUNK = 4096
"""Images between two saves."""


def embed_to_file(
    embedder: Embedder,
    source: ImageSource,
    out: Path,
    *,
    batch_size: int = 64,
    flip: bool = False,
    skip_bad: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Embeddings:
    """Embed a source into `out` (float32 `.npy`), and write the names of the images to a text file beside it.

    Args:
        embedder: the model.
        source: the source of the images.
        out: the file to write.
        batch_size: images in a batch, for each process.
        flip: add the embeddings of the mirror images.
        skip_bad: leave out unreadable images instead of failing.
        resume: continue an interrupted call with the same images, model and `flip`.
        overwrite: replace files that exist.
        progress: called with the number of images done, and the total.

    Returns:
        The embeddings, as a memory map of the file.

    Raises:
        FembError: an output exists, an image cannot be read, or the unfinished files belong to another call.
    """
    refuse_existing_embeddings(out, overwrite=overwrite)
    state = PartialState(cpu=embedder.device.type == "cpu")
    unfinished = UnfinishedEmbeddings(out, embedder, source, flip=flip, writes=state.is_main_process, resume=resume)
    try:
        for start in range(unfinished.num_done, len(source), CHUNK):
            stop = min(start + CHUNK, len(source))
            chunk = embed_source(
                embedder,
                source,
                np.arange(start, stop),
                batch_size=batch_size,
                flip=flip,
                skip_bad=skip_bad,
                progress=_with_offset(progress, start, len(source)),
            )
            unfinished.add(chunk, num_done=stop)
    except FembError:
        if not resume:
            unfinished.discard()
        raise
    unfinished.finish()
    state.wait_for_everyone()
    return Embeddings(read_rows(out, mmap_mode="r"), np.asarray(unfinished.embedded), unfinished.failed)


def _with_offset(progress: Progress | None, start: int, total: int) -> Progress | None:
    """Return a callback that reports a chunk's progress as progress over the whole source."""
    return None if progress is None else lambda done, _: progress(start + done, total)
