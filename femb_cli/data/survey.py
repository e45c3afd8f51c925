"""Which images of a source are photos and not aligned faces, judged by their sizes, which their headers state."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.channels import as_stored
from femb_cli.data.images.decode import ALIGNED_SIZE
from femb_cli.data.images.encoded import quick_size
from femb_cli.data.images.picture import open_picture
from femb_cli.data.source import HasLooseFiles, ImageSource
from femb_cli.errors import FembError
from femb_cli.text import counted

_BLOCK = 2048
_THREADS = 8
_SAMPLE = 1000


def is_aligned(size: tuple[int, int], other_sizes: Collection[int] = ()) -> bool:
    """Whether an image of this width and height is an aligned face: a square of 112 pixels, or of one of `other_sizes`.

    Args:
        size: width and height in pixels.
        other_sizes: further sizes of aligned faces, in pixels, such as a network's input size.
    """
    return size[0] == size[1] and size[0] in (ALIGNED_SIZE, *other_sizes)


def is_photo(size: tuple[int, int], other_sizes: Collection[int] = ()) -> bool:
    """Whether an image of this width and height is a photo, in which a face is to be found; arguments as `is_aligned`.

    A small image is none, because it shows little besides a face.
    """
    return max(size) > ALIGNED_SIZE and not is_aligned(size, other_sizes)


def is_small(size: tuple[int, int], other_sizes: Collection[int] = ()) -> bool:
    """Whether an image of this width and height is smaller than an aligned face; arguments as `is_aligned`."""
    return 0 < max(size) <= ALIGNED_SIZE and not is_aligned(size, other_sizes)


def image_sizes(source: ImageSource, rows_N: NDArray[np.int64] | None = None) -> list[tuple[int, int]]:
    """Return the width and the height of each image in pixels, as its header states them.

    An image whose header cannot be read has the size 0 x 0; reading it later raises the error.

    Args:
        source: the images.
        rows_N: which of them to look at; None for all.
    """
    source = as_stored(source)  # whose headers are read without decoding
    rows_N = np.arange(len(source)) if rows_N is None else rows_N
    sizes: list[tuple[int, int]] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(rows_N), _BLOCK):
            block = rows_N[start : start + _BLOCK].tolist()
            sizes += pool.map(lambda row: _size(source, row), block)
    return sizes


def describe_photos(num_photos: int, num_images: int) -> str:
    """Return the beginning of a sentence on what a source's images are."""
    size = f"{ALIGNED_SIZE} x {ALIGNED_SIZE} pixels"
    photos = "is a photo, not an aligned face" if num_photos == 1 else "are photos, not aligned faces"
    return f"{num_photos:,} of {counted(num_images, 'image')} {photos} of {size}"


def warn_of_photos(source: ImageSource, *, other_sizes: Collection[int] = (), advice: str) -> str:
    """Look at images that are spread evenly over a source, and return a warning if some are photos; else nothing.

    Args:
        source: the images.
        other_sizes: see `is_aligned`.
        advice: what happens to photos, and what to do.
    """
    rows_N = np.linspace(0, len(source) - 1, min(len(source), _SAMPLE)).astype(np.int64)
    num_photos = sum(is_photo(size, other_sizes) for size in image_sizes(source, rows_N))
    seen = f" (of {len(source):,}, {len(rows_N):,} were looked at)" if len(rows_N) < len(source) else ""
    return f"{describe_photos(num_photos, len(rows_N))}{seen}: {advice}" if num_photos else ""


def _size(source: ImageSource, row: int) -> tuple[int, int]:
    """Return the width and the height of an image; zeros if they cannot be read."""
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
        return 0, 0
    # Pillow raises many kinds of exceptions on files that are damaged or no image.
    except Exception:
        return 0, 0
