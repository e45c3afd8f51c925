"""Embeddings kept from one command to the next, known by the model's weights and the images' bytes.

Neither a name nor a date says that two models or two images are the same; their contents do, and reading those takes a
hundredth of the time of embedding them. There is one file for each model, so that sets that share images, as LFW and
its `.bin`, share their embeddings.

Shapes: N images, D embedding dimension, K images that are kept.
"""

import os
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
import xxhash
from accelerate.utils import broadcast_object_list
from numpy.typing import NDArray
from torch import nn

from femb_cli import __version__
from femb_cli.data.source import ImageSource
from femb_cli.files import cache_folder, file_sha256, new_file
from femb_cli.inference.embed import embed_source
from femb_cli.inference.embedder import Embedder
from femb_cli.progress import Progress
from femb_cli.runtime.ranks import is_main_process, world_size

MAX_BYTES = 2 * 2**30
"""Of all embeddings that are kept; the models that were not used for the longest time give way."""


def embed_with_cache(
    embedder: Embedder,
    source: ImageSource,
    rows_N: NDArray[np.int64],
    *,
    batch_size: int = 64,
    flip: bool = False,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return the raw embeddings of some images, (N, D); those that were made before come from the cache.

    Of several processes each embeds its share of the others, all get the whole, and one keeps it.

    Args:
        embedder: the model.
        source: where the images are.
        rows_N: which images.
        batch_size: images at a time.
        flip: add the embeddings of the mirror images.
        progress: called with the number of images done and in all, of those that have to be embedded.

    Raises:
        FembError: an image cannot be read.
    """
    path = cache_folder() / "embeddings" / f"{model_fingerprint(embedder)}-{'sum' if flip else 'none'}.npz"
    keys = [xxhash.xxh3_128_digest(source.read(row)) for row in rows_N.tolist()]
    kept = _shared(_recall(path, embedder.embedding_dim))
    absent = {key: row for key, row in zip(keys, rows_N.tolist(), strict=True) if key not in kept}
    if absent:
        rows = np.array(list(absent.values()), dtype=np.int64)
        made = embed_source(embedder, source, rows, batch_size=batch_size, flip=flip, progress=progress).rows_ND
        kept.update(zip(absent, made, strict=True))
        if is_main_process():
            _keep(path, kept)
    return np.stack([kept[key] for key in keys])


def model_fingerprint(embedder: Embedder) -> str:
    """Return a checksum of everything that the model's embeddings depend on, in hexadecimal."""
    made_by = f"{embedder.preprocessing} {embedder.device.type} {torch.__version__} {__version__}"
    digest = xxhash.xxh3_128(made_by.encode())
    if not isinstance(embedder.network, nn.Module):
        digest.update(file_sha256(Path(embedder.name)).encode())
        return digest.hexdigest()
    digest.update(repr(embedder.network).encode())
    for name, tensor in embedder.network.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _recall(path: Path, embedding_dim: int) -> dict[bytes, NDArray[np.float32]]:
    """Return what is kept for a model; nothing if the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            keys_K16, rows_KD = file["keys"], file["rows"]
        os.utime(path)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}
    if rows_KD.shape != (len(keys_K16), embedding_dim) or rows_KD.dtype != np.float32:
        return {}
    return {key.tobytes(): row for key, row in zip(keys_K16, rows_KD, strict=True)}


def _shared(kept: dict[bytes, NDArray[np.float32]]) -> dict[bytes, NDArray[np.float32]]:
    """What the main process found: processes that disagreed on what is absent would wait for each other for ever."""
    found = [kept]
    if world_size() > 1:
        broadcast_object_list(found)
    return found[0]


def _keep(path: Path, kept: dict[bytes, NDArray[np.float32]]) -> None:
    keys_K16 = np.frombuffer(b"".join(kept), dtype=np.uint8).reshape(-1, 16)
    with new_file(path, overwrite=True) as aside, aside.open("wb") as file:
        np.savez(file, keys=keys_K16, rows=np.stack(list(kept.values())))
    _forget_oldest(path.parent)


def _forget_oldest(folder: Path) -> None:
    """Remove what was used longest ago, until the rest fits."""
    files = [(path, path.stat()) for path in folder.glob("*.npz")]
    total = sum(status.st_size for _, status in files)
    for path, status in sorted(files, key=lambda entry: entry[1].st_mtime_ns):
        if total <= MAX_BYTES:
            return
        path.unlink(missing_ok=True)
        total -= status.st_size
