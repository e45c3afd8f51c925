"""Which images of a source are photos and not aligned faces, judged by their sizes, which their headers state."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.images.decode import ALIGNED_SIZE
from femb_cli.data.images.encoded import quick_size
from femb_cli.data.images.picture import open_picture
from femb_cli.data.source import HasLooseFiles, ImageSource
from femb_cli.errors import FembError
from femb_cli.progress import Progress

_BLOCK = 2048
_THREADS = 8
_SAMPLE = 1000


def find_photos(
    source: ImageSource,
    rows_N: NDArray[np.int64] | None = None,
    *,
    other_sizes: Collection[int] = (),
    progress: Progress | None = None,
) -> NDArray[np.bool_]:
    """Return which images are photos, (N,): those that are not squares of 112 pixels, or of one of `other_sizes`.

    An image whose header cannot be read counts as none; reading it later raises the error.

    Args:
        source: the images.
        rows_N: which of them to look at; None for all.
        other_sizes: further sizes of aligned faces, in pixels, such as a network's input size.
        progress: called with the number of images done, and the total.
    """
    rows_N = np.arange(len(source)) if rows_N is None else rows_N
    aligned = {(size, size) for size in (ALIGNED_SIZE, *other_sizes)}
    is_photo_N = np.zeros(len(rows_N), dtype=bool)
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(rows_N), _BLOCK):
            block = rows_N[start : start + _BLOCK].tolist()
            sizes = pool.map(lambda row: _size(source, row), block)
            is_photo_N[start : start + len(block)] = [size is not None and size not in aligned for size in sizes]
            if progress is not None:
                progress(start + len(block), len(rows_N))
    return is_photo_N


def describe_photos(num_photos: int, num_images: int) -> str:
    """Return the beginning of a sentence on what a source's images are."""
    size = f"{ALIGNED_SIZE} x {ALIGNED_SIZE} pixels"
    return f"{num_photos:,} of {num_images:,} images are photos, not aligned faces of {size}"


def warn_of_photos(source: ImageSource, *, other_sizes: Collection[int] = (), advice: str) -> str:
    """Look at images that are spread evenly over a source, and return a warning if some are photos; else nothing.

    Args:
        source: the images.
        other_sizes: see `find_photos`.
        advice: what happens to photos, and what to do.
    """
    rows_N = np.linspace(0, len(source) - 1, min(len(source), _SAMPLE)).astype(np.int64)
    num_photos = int(find_photos(source, rows_N, other_sizes=other_sizes).sum())
    seen = f" (of {len(source):,}, {len(rows_N):,} were looked at)" if len(rows_N) < len(source) else ""
    return f"{describe_photos(num_photos, len(rows_N))}{seen}: {advice}" if num_photos else ""


def _size(source: ImageSource, row: int) -> tuple[int, int] | None:
    """Return the width and the height of an image; None if they cannot be read."""
    try:
        if isinstance(source, HasLooseFiles):
            with open_picture(source.file(row)) as image:  # reads no more than the header
                return image.size
        encoded = source.read(row)
        if (size := quick_size(encoded)) is not None:
            return size
        with open_picture(encoded) as image:
            return image.size
    except FembError:
        return None
    # Pillow raises many kinds of exceptions on files that are damaged or no image.
    except Exception:
        return None
