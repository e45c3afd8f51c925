"""Encoded images by the batch: one buffer and where each image ends, which is how Arrow stores them.

Shapes: N images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from femb_cli.data.images.encoded import check_image, quick_sizes
from femb_cli.data.source import Encoded, ImageSource, ReadsMany, read_or_error
from femb_cli.errors import FembError

BATCH_ROWS = 1000
BATCH_BYTES = 16 * 2**20


@dataclass(frozen=True)
class EncodedImages:
    """Images one after the other in memory.

    Attributes:
        data: The bytes of all.
        ends_N: int32, where each image ends; it starts where the one before it ends.
    """

    data: bytes
    ends_N: np.ndarray

    @classmethod
    def join(cls, images: Sequence[Encoded]) -> Self:
        """Copy images to one place."""
        return cls(b"".join(images), np.cumsum(list(map(len, images)), dtype=np.int32))

    def __len__(self) -> int:
        return len(self.ends_N)

    def __getitem__(self, index: int) -> memoryview:
        start = int(self.ends_N[index - 1]) if index else 0
        return memoryview(self.data)[start : int(self.ends_N[index])]


@dataclass(frozen=True)
class Batch:
    """The rows of a source that were read at once, parted into sound images and others.

    Attributes:
        places_N: int64, of the sound images among the wanted rows.
        images: The sound images.
        sizes_N2: int32, width and height of each in pixels.
        faults: Row and reason of those that are not sound.
        stop: How many of the wanted rows are dealt with, with this batch.
    """

    places_N: np.ndarray
    images: EncodedImages
    sizes_N2: np.ndarray
    faults: list[tuple[int, FembError]]
    stop: int


def read_batches(source: ImageSource, rows_N: np.ndarray, start: int = 0, *, decode: bool = False) -> Iterator[Batch]:
    """Read rows of a source, in their order, in batches that depend on where they start and on nothing else.

    Args:
        source: Where the images are.
        rows_N: Integers, which images.
        start: How many of them to pass over.
        decode: Decode every image, rather than look at its header and end only.
    """
    while start < len(rows_N):
        images = _read_some(source, rows_N[start : start + BATCH_ROWS])
        stop = start + len(images)
        yield _part(source, rows_N[start:stop], images, start, decode=decode)
        start = stop


def _read_some(source: ImageSource, rows_N: np.ndarray) -> list[Encoded | FembError]:
    """Read as many of the rows as make a batch, one at least."""
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


def _part(
    source: ImageSource, rows_N: np.ndarray, images: Sequence[Encoded | FembError], start: int, *, decode: bool
) -> Batch:
    """Part what was read into sound images and faults."""
    faults = {place: error for place, error in enumerate(images) if isinstance(error, FembError)}
    read = [place for place in range(len(images)) if place not in faults]
    joined = EncodedImages.join([image for image in images if not isinstance(image, FembError)])
    sizes_N2 = quick_sizes(joined.data, joined.ends_N)
    unclear = range(len(read)) if decode else np.flatnonzero(sizes_N2[:, 0] == 0).tolist()
    unsound = []
    for index in unclear:
        try:
            sizes_N2[index] = check_image(bytes(joined[index]), decode=decode)
        except ValueError as error:
            row = int(rows_N[read[index]])
            faults[read[index]] = FembError(f"{source.names[row]!r} in {source.path} {error}")
            unsound.append(index)
    if unsound:
        sound = [index for index in range(len(read)) if index not in set(unsound)]
        joined, sizes_N2 = EncodedImages.join([joined[index] for index in sound]), sizes_N2[sound]
        read = [read[index] for index in sound]
    ordered = [(int(rows_N[place]), faults[place]) for place in sorted(faults)]
    return Batch(start + np.array(read, dtype=np.int64), joined, sizes_N2, ordered, start + len(images))
