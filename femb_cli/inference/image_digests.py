"""Checksums of images as they are read: they show whether a resumed embedding still has the images that it began with.

Shape suffix: N images.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, zip_longest

import xxhash
from accelerate.utils import gather_object

from femb_cli.data.source import ImageSource, read_or_error
from femb_cli.errors import FembError
from femb_cli.runtime.ranks import rank, world_size

UNREADABLE = bytes(16)
"""Stands for the checksum of an image that cannot be read."""

READING_THREADS = min(8, os.cpu_count() or 1)
"""Threads that read images."""


def image_digest(data: bytes) -> bytes:
    """Return the XXH3 (128 bits) of an encoded image."""
    return xxhash.xxh3_128_digest(data)


def digest_images(source: ImageSource, rows: range) -> bytes:
    """Read images of a source; each of several processes reads a share, and all of them return all checksums."""

    def digest(row: int) -> bytes:
        data = read_or_error(source, row)
        return UNREADABLE if isinstance(data, FembError) else image_digest(data)

    with ThreadPoolExecutor(max_workers=READING_THREADS) as pool:
        share = list(pool.map(digest, rows[rank() :: world_size()]))
    return interleave(gather_object([share]) if world_size() > 1 else [share])


def interleave(shares: Sequence[Sequence[bytes]]) -> bytes:
    """Put checksums into the order of the images; of P processes, the first has images 0, P, 2P ..., and so on."""
    return b"".join(chain.from_iterable(zip_longest(*shares, fillvalue=b"")))
