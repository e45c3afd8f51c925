"""Embed a source into a file, chunk by chunk, so that an interruption loses one chunk at most."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.formats import format_to_write
from femb_cli.evaluation.embeddings.read import read_rows
from femb_cli.inference.embed import Embeddings, embed_source
from femb_cli.inference.embedder import Embedder
from femb_cli.inference.image_digests import digest_images
from femb_cli.inference.unfinished_embeddings import UnfinishedEmbeddings, with_kept
from femb_cli.progress import Progress
from femb_cli.runtime.launch import on_main_process

CHUNK = 4096
"""Images between two saves."""


class Written(NamedTuple):
    """The images in a file of embeddings.

    Attributes:
        indices_N: index in the source of each embedded image, int64.
        failed: name and problem of each image that could not be read.
        num_kept: number of images that an interrupted call had embedded, or failed to read.
    """

    indices_N: NDArray[np.int64]
    failed: list[tuple[str, str]]
    num_kept: int


def embed_to_file(embedder: Embedder, source: ImageSource, out: Path, **options: Any) -> Embeddings:
    """Embed a source into a file, and return the embeddings; arguments and errors as `write_embeddings`.

    Returns:
        The embeddings: of a `.npy` file a memory map, of another one an array.
    """
    written = write_embeddings(embedder, source, out, **options)
    return Embeddings(read_rows(out, mmap_mode="r"), written.indices_N, written.failed)


def write_embeddings(
    embedder: Embedder,
    source: ImageSource,
    out: Path,
    *,
    batch_size: int | None = None,
    flip: bool = False,
    skip_bad: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Embed a source into a file with the names of the images; each of several processes embeds a share.

    Args:
        embedder: the model.
        source: the source of the images.
        out: the file to write; its ending names the format. The names go to a `.txt` file beside a `.npy` file.
        batch_size: images in a batch, for each process; None for the embedder's.
        flip: add the embeddings of the mirror images.
        skip_bad: leave out unreadable images instead of failing.
        resume: continue an interrupted call with the same images, model and `flip`.
        overwrite: replace files that exist; start over instead of `resume`.
        progress: called with the number of images done, and the total.

    Raises:
        UsageError: the ending of `out` names no format.
        FembError: an output exists, an image cannot be read, another process writes this output, or the unfinished
            files belong to another call.
    """
    format_to_write(out)
    on_main = partial(on_main_process, device="cpu" if embedder.device.type == "cpu" else None)
    total = len(source)
    with UnfinishedEmbeddings(out, embedder, source, flip=flip) as unfinished:
        opened = on_main(partial(unfinished.open, resume=resume, overwrite=overwrite))
        for start in range(0, opened.num_to_compare, CHUNK):
            stop = min(start + CHUNK, opened.num_to_compare)
            on_main(partial(unfinished.compare, digest_images(source, range(start, stop))))
            if progress is not None:
                progress(stop, total)
        batch_size = batch_size or embedder.batch_size
        embedder.expect(total - opened.num_done, flip=flip, batch_size=batch_size)
        for start in range(opened.num_done, total, CHUNK):
            stop = min(start + CHUNK, total)
            try:
                chunk = embed_source(
                    embedder,
                    source,
                    np.arange(start, stop),
                    batch_size=batch_size,
                    flip=flip,
                    skip_bad=skip_bad,
                    progress=_with_offset(progress, start, total),
                )
            except FembError as error:
                raise with_kept(error, out, start, total) from error
            on_main(partial(unfinished.add, chunk, num_done=stop))
        indices_N, failed = on_main(unfinished.finish)
        return Written(indices_N, failed, opened.num_done)


def _with_offset(progress: Progress | None, start: int, total: int) -> Progress | None:
    """Return a callback that reports a chunk's progress as progress over the whole source."""
    return None if progress is None else lambda done, _: progress(start + done, total)
