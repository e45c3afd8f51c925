"""Encoded images: their size in pixels, and whether they are complete.

JPEG and PNG, which are nearly all images of every dataset, are checked by their headers and end markers, in
microseconds. Other formats and unusual files are left to Pillow, which decodes them.

Shapes: N images, B bytes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from femb_cli.data.images.picture import MAX_PIXELS, RefusedPicture, check_pixels, open_picture, why_unreadable

Encoded = bytes | memoryview
"""An image as it is stored: JPEG, PNG ..."""

MAX_IMAGE_BYTES = 64 * 2**20
"""A larger file is not read as an image."""

JPEG_START = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 ... SOF15 without DHT, JPG and DAC
_IS_FRAME = np.isin(np.arange(256), list(_JPEG_FRAMES))
_SMALLEST_JPEG = 16
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


@dataclass(frozen=True)
class EncodedImages:
    """Images stored one after the other in one buffer, as Arrow stores binary columns.

    Attributes:
        data: The bytes of all images.
        ends_N: Where each image ends, int32; it starts where the one before ends.
    """

    data: bytes
    ends_N: np.ndarray

    @classmethod
    def join(cls, images: Sequence[Encoded]) -> Self:
        """Copy images into one buffer."""
        return cls(b"".join(images), np.cumsum(list(map(len, images)), dtype=np.int32))

    def __len__(self) -> int:
        return len(self.ends_N)

    def __getitem__(self, index: int) -> memoryview:
        start = int(self.ends_N[index - 1]) if index else 0
        return memoryview(self.data)[start : int(self.ends_N[index])]


def check_image(image: bytes, *, decode: bool = False) -> tuple[int, int]:
    """Return the width and the height in pixels of an image, after checking that it is complete.

    Args:
        image: JPEG, PNG, or another format that `open_picture` reads.
        decode: Decode the image in any case, which is slow and finds all damage.

    Raises:
        ValueError: These bytes are not an image, are cut short, or are an image that `open_picture` refuses; the
            message is the reason.
    """
    size = quick_size(image)
    if size is not None:
        check_pixels(size)
    return _decode(image) if size is None or decode else size


def quick_size(image: bytes) -> tuple[int, int] | None:
    """Return the width and the height in pixels of a JPEG or PNG that has its header and its end, else None."""
    if image.startswith(JPEG_START):
        return _jpeg_size(image)
    if image.startswith(_PNG_START) and image[12:16] == b"IHDR" and _PNG_END in image:
        return struct.unpack_from(">II", image, 16)
    return None


def quick_sizes(images: EncodedImages) -> np.ndarray:
    """Return the width and the height in pixels of many images at once, int32, (N, 2).

    The size is zero for every image that is not a plain JPEG with its end marker; `check_image` checks those.
    """
    data, ends_N = images.data, images.ends_N
    sizes_N2 = np.zeros((len(ends_N), 2), dtype=np.int32)
    bytes_B = np.frombuffer(data, dtype=np.uint8)
    starts_N = np.concatenate([[0], ends_N[:-1]]).astype(np.int64)
    rows = np.flatnonzero(ends_N - starts_N >= _SMALLEST_JPEG)
    for offset, value in ((0, 0xFF), (1, 0xD8)):
        rows = rows[bytes_B[starts_N[rows] + offset] == value]
    for offset, value in ((2, 0xFF), (1, 0xD9)):
        rows = rows[bytes_B[ends_N[rows] - offset] == value]
    position = starts_N[rows] + 2
    # All images step from segment to segment together; an image leaves when its frame header is found.
    while len(rows):
        inside = (position + 9 <= ends_N[rows]) & (bytes_B[np.minimum(position, len(data) - 1)] == 0xFF)
        rows, position = rows[inside], position[inside]
        found = _IS_FRAME[bytes_B[position + 1]]
        here = position[found]
        sizes_N2[rows[found], 0] = _big_endian_16(bytes_B, here + 7)
        sizes_N2[rows[found], 1] = _big_endian_16(bytes_B, here + 5)
        rows, position = rows[~found], position[~found]
        position = position + 2 + _big_endian_16(bytes_B, position + 2)
    unclear_N = (sizes_N2.min(axis=1) == 0) | (sizes_N2.astype(np.int64).prod(axis=1) > MAX_PIXELS)
    sizes_N2[unclear_N] = 0
    return sizes_N2


def _big_endian_16(bytes_B: np.ndarray, position: np.ndarray) -> np.ndarray:
    return bytes_B[position].astype(np.int32) << 8 | bytes_B[position + 1]


def _jpeg_size(image: bytes) -> tuple[int, int] | None:
    """Step from segment to segment until the frame header; None if the file is not a plain sequence of segments."""
    position = 2
    while position + 9 <= len(image) and image[position] == 0xFF:
        marker, length = image[position + 1], int.from_bytes(image[position + 2 : position + 4])
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", image, position + 5)
            return (width, height) if height and image.find(_JPEG_END, position) >= 0 else None
        position += 2 + length
    return None


def _decode(image: bytes) -> tuple[int, int]:
    try:
        with open_picture(image) as picture:
            picture.load()
            return picture.size
    except RefusedPicture:
        raise
    # Pillow's decoders raise many kinds of exceptions on damaged files.
    except Exception as error:
        raise ValueError(_reason(image, error)) from error


def _reason(image: bytes, error: Exception) -> str:
    if not image:
        return "holds no image: 0 bytes"
    why = why_unreadable(error, image)
    return f"is not an image: {why}" if why.startswith("it starts") else why.removeprefix("it ")
