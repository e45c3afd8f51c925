"""Embed the images of a source, on one process or divided among several.

Shape suffixes: N images, D embedding dimension, H and W pixels.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from accelerate import PartialState
from accelerate.utils import gather_object
from numpy.typing import NDArray

from femb_cli.data.images.decode import ALIGNED_SIZE, decode_image
from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError
from femb_cli.inference.embedder import Embedder
from femb_cli.inference.image_digests import READING_THREADS, UNREADABLE, image_digest, interleave
from femb_cli.progress import Progress


@dataclass(frozen=True)
class Embeddings:
    """The embeddings of the images that could be read, in the order of the images.

    Attributes:
        rows_ND: raw embeddings, float32.
        indices_N: index in the source of each embedded image.
        failed: name and problem of each image that could not be read.
        digests: XXH3 of the bytes of every wanted image, 16 bytes each, see `image_digest`.
    """

    rows_ND: NDArray[np.float32]
    indices_N: NDArray[np.int64]
    failed: list[tuple[str, str]]
    digests: bytes = b""


class UnreadableImage(FembError):
    """An image cannot be read, and unreadable images are not to be left out."""


@contextmanager
def unreadable_hint(hint: str) -> Iterator[None]:
    """Give an unreadable image another hint, in commands without `--skip-bad`.

    Raises:
        UnreadableImage: as the block, with the hint.
    """
    try:
        yield
    except UnreadableImage as error:
        error.hint = hint
        raise


def unreadable_image(problem: str) -> UnreadableImage:
    """Return the error for an image that cannot be read."""
    return UnreadableImage(problem, hint="--skip-bad leaves unreadable images out and lists them")


class _Decoded(NamedTuple):
    """One image, or the problem that prevents reading it; `position` is its place among the wanted images."""

    position: int
    digest: bytes
    pixels_HW3: NDArray[np.uint8] | None
    problem: str = ""


@dataclass
class _Share:
    """The images that one process has embedded.

    Attributes:
        positions: places of the embedded images among the wanted images.
        batches: their raw embeddings, (B, D) each.
        failed: place and problem of each image that could not be read.
        digests: checksum of each of these images.
    """

    positions: list[int] = field(default_factory=list)
    batches: list[NDArray[np.float32]] = field(default_factory=list)
    failed: list[tuple[int, str]] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)

    @property
    def num_done(self) -> int:
        """Number of images that are embedded or failed."""
        return len(self.positions) + len(self.failed)


def embed_source(
    embedder: Embedder,
    source: ImageSource,
    indices_N: Sequence[int] | NDArray[np.int64] | None = None,
    *,
    batch_size: int | None = None,
    flip: bool = False,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Embeddings:
    """Embed images of a source; each of several processes embeds a share, and all of them return all embeddings.

    Args:
        embedder: the model.
        source: the source of the images.
        indices_N: which images to embed, in which order; None for all.
        batch_size: images in a batch, for each process; None for the embedder's.
        flip: add the embeddings of the mirror images.
        skip_bad: leave out unreadable images instead of failing.
        progress: called with the number of images done, and the total.

    Raises:
        UnreadableImage: an image cannot be read and `skip_bad` is false.
    """
    wanted_N = np.arange(len(source)) if indices_N is None else np.asarray(indices_N, dtype=np.int64)
    state = PartialState(cpu=embedder.device.type == "cpu")
    positions = range(state.process_index, len(wanted_N), state.num_processes)
    size = max(ALIGNED_SIZE, embedder.preprocessing.input_size)
    share = _Share()
    for batch in _decoded_batches(source, wanted_N, positions, size, batch_size or embedder.batch_size):
        share.digests += [image.digest for image in batch]
        share.failed += [(image.position, image.problem) for image in batch if image.pixels_HW3 is None]
        if share.failed and not skip_bad:
            break
        readable = [(image.position, image.pixels_HW3) for image in batch if image.pixels_HW3 is not None]
        if readable:
            share.batches.append(embedder(np.stack([pixels_HW3 for _, pixels_HW3 in readable]), flip=flip))
            share.positions += [position for position, _ in readable]
        if progress is not None:
            progress(min(len(wanted_N), share.num_done * state.num_processes), len(wanted_N))
    shares = gather_object([share]) if state.num_processes > 1 else [share]
    _refuse_failed(shares, skip_bad=skip_bad)
    return _merge_shares(shares, source, wanted_N, embedder.embedding_dim)


def _decoded_batches(
    source: ImageSource, wanted_N: NDArray[np.int64], positions: Sequence[int], size: int, batch_size: int
) -> Iterator[list[_Decoded]]:
    """Yield batches of decoded images; threads decode one batch ahead."""

    def load(position: int) -> _Decoded:
        index = int(wanted_N[position])
        digest = UNREADABLE
        try:
            data = source.read(index)
            digest = image_digest(data)
            return _Decoded(position, digest, decode_image(data, size, str(source.names[index]), upright=True))
        except FembError as error:
            return _Decoded(position, digest, None, error.message)

    chunks = [positions[start : start + batch_size] for start in range(0, len(positions), batch_size)]
    with ThreadPoolExecutor(max_workers=READING_THREADS) as pool:
        waiting = [pool.submit(load, position) for position in (chunks[0] if chunks else [])]
        for following in [*chunks[1:], []]:
            batch = [future.result() for future in waiting]
            waiting = [pool.submit(load, position) for position in following]
            yield batch


def _refuse_failed(shares: Sequence[_Share], *, skip_bad: bool) -> None:
    """Raise the problem of the first image that could not be read, unless such images are skipped."""
    failed = sorted(pair for share in shares for pair in share.failed)
    if failed and not skip_bad:
        raise unreadable_image(failed[0][1])


def _merge_shares(
    shares: Sequence[_Share], source: ImageSource, wanted_N: NDArray[np.int64], embedding_dim: int
) -> Embeddings:
    """Put the shares of all processes together, in the order of the wanted images."""
    positions_N = np.concatenate([np.asarray(share.positions, dtype=np.int64) for share in shares])
    batches = [batch for share in shares for batch in share.batches]
    rows_ND = np.concatenate(batches) if batches else np.empty((0, embedding_dim), dtype=np.float32)
    order_N = positions_N.argsort()
    failed = sorted(pair for share in shares for pair in share.failed)
    names = [(str(source.names[int(wanted_N[position])]), problem) for position, problem in failed]
    digests = interleave([share.digests for share in shares])
    return Embeddings(rows_ND[order_N], wanted_N[positions_N[order_N]], names, digests)
