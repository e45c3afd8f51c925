"""Find the faces of a source's photos, on all cores; large photos are decoded small, because the search shrinks them.

Shapes: N photos.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
import xxhash
from numpy.typing import NDArray

from femb_cli.data.images.decode import decode_photo
from femb_cli.data.images.encoded import Encoded, quick_size
from femb_cli.data.source import ImageName, ImageSource, read_or_error
from femb_cli.errors import FembError
from femb_cli.faces.cache import FaceCache
from femb_cli.faces.face import Face, PhotoFaces
from femb_cli.faces.find import SHORT_SIDE, FaceFinder
from femb_cli.progress import Progress

_BLOCK, _BLOCK_BYTES = 256, 64 * 2**20
"""Photos between two entries into the cache, and their bytes, which are in memory: whichever is reached first."""

_READ_AT_ONCE = 8

SEARCHED_AT_ONCE = 8
"""Photos that a thread searches together: half of the time of one photo alone is overhead."""


def locate_faces(
    source: ImageSource,
    rows: Sequence[int],
    find: FaceFinder,
    *,
    cache: FaceCache | None = None,
    progress: Progress | None = None,
) -> list[PhotoFaces | FembError]:
    """Return the faces of each photo, or the error that reading it raised.

    Args:
        source: the photos.
        rows: which of them.
        find: the detector.
        cache: where to look first, and to store what is found.
        progress: called with the number of photos done, and the total.
    """
    located: list[PhotoFaces | FembError] = []
    with _one_thread_each() as pool:
        for encoded in _read_blocks(source, rows, pool):
            start = len(located)
            block = rows[start : start + len(encoded)]
            photos = [b"" if isinstance(each, FembError) else xxhash.xxh3_128_digest(each) for each in encoded]
            known = cache.find([photo for photo in photos if photo]) if cache is not None else {}
            search = [
                pool.submit(
                    _search, source, block[part], encoded[part], [known.get(photo) for photo in photos[part]], find
                )
                for part in (slice(place, place + SEARCHED_AT_ONCE) for place in range(0, len(block), SEARCHED_AT_ONCE))
            ]
            for future in search:
                located += future.result()
                if progress is not None:
                    progress(len(located), len(rows))
            if cache is not None:
                found = zip(photos, located[start:], strict=True)
                cache.add({photo: each for photo, each in found if isinstance(each, PhotoFaces) and photo not in known})
    return located


def find_faces(encoded: Encoded, find: FaceFinder, name: object = "photo") -> PhotoFaces:
    """Return the faces of one encoded photo.

    Args:
        encoded: JPEG, PNG, BMP, WebP ... as stored.
        find: the detector.
        name: what to call the photo in an error; converted by str().

    Raises:
        FembError: the bytes are not an image, or are cut short.
    """
    photo_HW3 = _decode(encoded, name)
    return _of_full_size(encoded, photo_HW3, find([photo_HW3])[0])


def full_size(encoded: Encoded, width: int, height: int) -> tuple[int, int]:
    """Return the width and the height of a full-size upright photo that may have been decoded smaller.

    Args:
        encoded: the encoded photo.
        width: width of the decoded photo.
        height: its height.
    """
    stored = quick_size(bytes(encoded)) or (width, height)
    return (max(stored), min(stored)) if width >= height else (min(stored), max(stored))


def _read_blocks(
    source: ImageSource, rows: Sequence[int], pool: ThreadPoolExecutor
) -> Iterator[list[bytes | FembError]]:
    """Yield the encoded photos in blocks; the photos of phones have megabytes each."""
    block: list[bytes | FembError] = []
    for start in range(0, len(rows), _READ_AT_ONCE):
        block += pool.map(lambda row: read_or_error(source, row), rows[start : start + _READ_AT_ONCE])
        size = sum(len(each) for each in block if not isinstance(each, FembError))
        if len(block) >= _BLOCK or size >= _BLOCK_BYTES:
            yield block
            block = []
    if block:
        yield block


def _search(
    source: ImageSource,
    rows: Sequence[int],
    encoded: Sequence[bytes | FembError],
    known: Sequence[PhotoFaces | None],
    find: FaceFinder,
) -> list[PhotoFaces | FembError]:
    """Return what is known of some photos, and search the others together."""
    located: dict[int, PhotoFaces | FembError] = {}
    photos: dict[int, NDArray[np.uint8]] = {}
    for place, (row, each, faces) in enumerate(zip(rows, encoded, known, strict=True)):
        try:
            if isinstance(each, FembError):
                located[place] = each
            elif faces is not None:
                located[place] = faces
            else:
                photos[place] = _decode(each, ImageName(source, row))
        except FembError as error:
            located[place] = error
    for place, found in zip(photos, find(list(photos.values())), strict=True):
        each = encoded[place]
        assert not isinstance(each, FembError)
        located[place] = _of_full_size(each, photos[place], found)
    return [located[place] for place in range(len(rows))]


def _decode(encoded: Encoded, name: object) -> NDArray[np.uint8]:
    """Decode a photo, a large one smaller, because the detector shrinks it."""
    return decode_photo(encoded, name, shorter_side=2 * SHORT_SIDE)


def _of_full_size(encoded: Encoded, photo_HW3: NDArray[np.uint8], found: Sequence[Face]) -> PhotoFaces:
    """Map the faces of a photo that was decoded smaller to its full size."""
    height, width = photo_HW3.shape[:2]
    full_width, full_height = full_size(encoded, width, height)
    scale_2 = np.array([full_width / width, full_height / height])
    return PhotoFaces(full_width, full_height, tuple(face.scaled(scale_2) for face in found))


@contextmanager
def _one_thread_each() -> Iterator[ThreadPoolExecutor]:
    """Return threads, one for each core, in each of which torch computes with one thread.

    The networks are too small to be divided among cores, but photos are many.
    """
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(os.cpu_count() or 1, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)  # after an interruption the waiting photos are not searched
        torch.set_num_threads(threads)  # the number holds for threads that start later, as well
