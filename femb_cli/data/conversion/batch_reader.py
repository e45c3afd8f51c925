"""Read the images of a source in batches, and separate the intact images from the damaged ones.

Shapes: N intact images of the batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from femb_cli.data.images.encoded import Encoded, EncodedImages, check_image, quick_sizes
from femb_cli.data.source import ImageSource, ReadsMany, read_or_error
from femb_cli.errors import FembError

BATCH_ROWS = 1000
BATCH_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Batch:
    """Consecutive entries of a list of rows, read together.

    Attributes:
        places_N: Position of each intact image in the list of rows, int64.
        images: The intact images.
        sizes_N2: Width and height of each in pixels, int32.
        faults: Row and error of each damaged image.
        stop: Position in the list of rows where the next batch starts.
    """

    places_N: np.ndarray
    images: EncodedImages
    sizes_N2: np.ndarray
    faults: list[tuple[int, FembError]]
    stop: int


def read_batches(source: ImageSource, rows_N: np.ndarray, start: int = 0, *, decode: bool = False) -> Iterator[Batch]:
    """Read some rows of a source in batches, in the given order.

    Where a batch ends depends only on where it starts, so that a resumed conversion writes the same batches.

    Args:
        source: The images.
        rows_N: Integers, which images to read.
        start: Position in `rows_N` of the first image to read.
        decode: Decode every image instead of checking only its header and its end.
    """
    while start < len(rows_N):
        images = _read_some(source, rows_N[start : start + BATCH_ROWS])
        stop = start + len(images)
        yield _separate(source, rows_N[start:stop], images, start, decode=decode)
        start = stop


def _read_some(source: ImageSource, rows_N: np.ndarray) -> list[Encoded | FembError]:
    """Read rows until `BATCH_BYTES` are reached, at least one."""
    if isinstance(source, ReadsMany):
        images = source.read_many(rows_N)
        sizes = np.cumsum([0 if isinstance(image, FembError) else len(image) for image in images])
        return images[: 1 + int(np.searchsorted(sizes, BATCH_BYTES))]
    images, size = [], 0
    for row in rows_N.tolist():
        images.append(read_or_error(source, row))
        size += 0 if isinstance(image := images[-1], FembError) else len(image)
        if size >= BATCH_BYTES:
            break
    return images


def _separate(
    source: ImageSource, rows_N: np.ndarray, images: Sequence[Encoded | FembError], start: int, *, decode: bool
) -> Batch:
    """Check the images of a batch, and separate the intact ones from the damaged ones."""
    faults = {place: error for place, error in enumerate(images) if isinstance(error, FembError)}
    read = [place for place in range(len(images)) if place not in faults]
    joined = EncodedImages.join([image for image in images if not isinstance(image, FembError)])
    sizes_N2 = quick_sizes(joined)
    unclear = range(len(read)) if decode else np.flatnonzero(sizes_N2[:, 0] == 0).tolist()
    damaged = []
    for index in unclear:
        try:
            sizes_N2[index] = check_image(bytes(joined[index]), decode=decode)
        except ValueError as error:
            row = int(rows_N[read[index]])
            faults[read[index]] = FembError(f"{source.names[row]!r} in {source.path} {error}")
            damaged.append(index)
    if damaged:
        intact = [index for index in range(len(read)) if index not in set(damaged)]
        joined, sizes_N2 = EncodedImages.join([joined[index] for index in intact]), sizes_N2[intact]
        read = [read[index] for index in intact]
    ordered = [(int(rows_N[place]), faults[place]) for place in sorted(faults)]
    return Batch(start + np.array(read, dtype=np.int64), joined, sizes_N2, ordered, start + len(images))
