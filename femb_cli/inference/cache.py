"""A cache of embeddings on disk, keyed by checksums of the model's weights and of each image's bytes.

Names and dates do not show whether two models or two images are the same, but their contents do. Reading the contents
takes a hundredth of the time of embedding. Each model has one file, so that benchmarks with the same images share their
embeddings, as LFW and its `.bin` do.

Shape suffixes: N images, D embedding dimension, K cached images.
"""

import os
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
import xxhash
from accelerate.utils import broadcast_object_list
from numpy.typing import NDArray

from femb_cli import __version__
from femb_cli.data.source import ImageSource
from femb_cli.files import cache_folder, new_file
from femb_cli.inference.embed import embed_source
from femb_cli.inference.embedder import Embedder
from femb_cli.inference.image_digests import image_digest
from femb_cli.inference.model_digest import model_digest
from femb_cli.progress import Progress
from femb_cli.runtime.ranks import is_main_process, world_size

MAX_BYTES = 2 * 2**30
"""Limit for the files of all models together; the least recently used ones are removed first."""

Cached = dict[bytes, NDArray[np.float32]]
"""The embedding of each cached image by the checksum of its bytes."""


def embed_with_cache(
    embedder: Embedder,
    source: ImageSource,
    rows_N: NDArray[np.int64],
    *,
    batch_size: int | None = None,
    flip: bool = False,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return the raw embeddings of some images, (N, D); embed only those that are not in the cache.

    Each of several processes embeds a share, all of them return all embeddings, and the main process writes the cache.

    Args:
        embedder: the model.
        source: the source of the images.
        rows_N: which images.
        batch_size: images in a batch, for each process; None for the embedder's.
        flip: add the embeddings of the mirror images.
        progress: called with the number of images done, and the total of those to embed.

    Raises:
        FembError: an image cannot be read.
    """
    path = cache_folder() / "embeddings" / f"{model_fingerprint(embedder)}-{'sum' if flip else 'none'}.npz"
    keys = [image_digest(source.read(row)) for row in rows_N.tolist()]
    cached = _broadcast_from_main(_read_cache(path, embedder.embedding_dim))
    absent = {key: row for key, row in zip(keys, rows_N.tolist(), strict=True) if key not in cached}
    if absent:
        rows = np.array(list(absent.values()), dtype=np.int64)
        embedder.expect(len(rows), flip=flip, batch_size=batch_size or embedder.batch_size)
        new = embed_source(embedder, source, rows, batch_size=batch_size, flip=flip, progress=progress).rows_ND
        cached.update(zip(absent, new, strict=True))
        if is_main_process():
            _write_cache(path, cached)
    return np.stack([cached[key] for key in keys])


def model_fingerprint(embedder: Embedder) -> str:
    """Return a checksum of the model and of what else changes the last digits of its embeddings, in hexadecimal."""
    where = f"{embedder.device.type} {torch.__version__} {__version__}"
    return xxhash.xxh3_128_hexdigest(f"{model_digest(embedder)} {embedder.computation} {where}".encode())


def _read_cache(path: Path, embedding_dim: int) -> Cached:
    """Read a model's file; return an empty cache if the file is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            keys_K16, rows_KD = file["keys"], file["rows"]
        os.utime(path)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}
    if rows_KD.shape != (len(keys_K16), embedding_dim) or rows_KD.dtype != np.float32:
        return {}
    return {key.tobytes(): row for key, row in zip(keys_K16, rows_KD, strict=True)}


def _broadcast_from_main(cached: Cached) -> Cached:
    """Return the main process's cache: all processes must embed the same images, or they deadlock."""
    values = [cached]
    if world_size() > 1:
        broadcast_object_list(values)
    return values[0]


def _write_cache(path: Path, cached: Cached) -> None:
    """Write a model's file, and keep the cache below `MAX_BYTES`."""
    keys_K16 = np.frombuffer(b"".join(cached), dtype=np.uint8).reshape(-1, 16)
    with new_file(path, overwrite=True) as aside, aside.open("wb") as file:
        np.savez(file, keys=keys_K16, rows=np.stack(list(cached.values())))
    _remove_least_recently_used(path.parent)


def _remove_least_recently_used(folder: Path) -> None:
    """Remove files until the rest is not larger than `MAX_BYTES`."""
    files = [(path, path.stat()) for path in folder.glob("*.npz")]
    total = sum(status.st_size for _, status in files)
    for path, status in sorted(files, key=lambda entry: entry[1].st_mtime_ns):
        if total <= MAX_BYTES:
            return
        path.unlink(missing_ok=True)
        total -= status.st_size
