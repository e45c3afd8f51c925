"""What an encoded image says about itself: its size, and whether it is whole.

JPEG and PNG, which are nearly all of every dataset, are judged by their headers and end markers in microseconds.
Everything else, and whatever looks odd, is left to Pillow, which decodes it.
"""

import io
import struct

import numpy as np

MAX_PIXELS = 64_000_000
"""An image that claims more is refused before it is decoded."""

MAX_IMAGE_BYTES = 64 * 2**20
"""A file that is larger is not read as an image."""

JPEG_START = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 ... SOF15 without DHT, JPG and DAC
_IS_FRAME = np.isin(np.arange(256), list(_JPEG_FRAMES))
_SMALLEST_JPEG = 16
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def check_image(image: bytes, *, decode: bool = False) -> tuple[int, int]:
    """Return width and height in pixels of an image that is whole, as far as its structure tells.

    Args:
        image: JPEG, PNG, or anything else that Pillow reads.
        decode: Decode it in any case, which is slow and certain.

    Raises:
        ValueError: These bytes are no image, cut short, or claim more than `MAX_PIXELS`; the message is the reason.
    """
    size = quick_size(image)
    if size is not None:
        _check_pixels(size)
    return _decode(image) if size is None or decode else size


def quick_size(image: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels of a JPEG or PNG that has its header and its end, else None."""
    if image.startswith(JPEG_START):
        return _jpeg_size(image)
    if image.startswith(_PNG_START) and image[12:16] == b"IHDR" and _PNG_END in image:
        return struct.unpack_from(">II", image, 16)
    return None


def quick_sizes(data: bytes, ends_N: np.ndarray) -> np.ndarray:
    """Return width and height of many images that lie one after the other in `data`, int32, (N, 2).

    Zeros stand for whatever is no plain JPEG with its end marker at its very end: `check_image` judges those.

    Args:
        data: The images.
        ends_N: int32, where each ends.
    """
    sizes_N2 = np.zeros((len(ends_N), 2), dtype=np.int32)
    bytes_B = np.frombuffer(data, dtype=np.uint8)
    starts_N = np.concatenate([[0], ends_N[:-1]]).astype(np.int64)
    rows = np.flatnonzero(ends_N - starts_N >= _SMALLEST_JPEG)
    for offset, value in ((0, 0xFF), (1, 0xD8)):
        rows = rows[bytes_B[starts_N[rows] + offset] == value]
    for offset, value in ((2, 0xFF), (1, 0xD9)):
        rows = rows[bytes_B[ends_N[rows] - offset] == value]
    position = starts_N[rows] + 2
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
    """Step from marker to marker to the frame header; what is not laid out plainly gives None."""
    position = 2
    while position + 9 <= len(image) and image[position] == 0xFF:
        marker, length = image[position + 1], int.from_bytes(image[position + 2 : position + 4])
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", image, position + 5)
            return (width, height) if height and image.find(_JPEG_END, position) >= 0 else None
        position += 2 + length
    return None


def _decode(image: bytes) -> tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(image)) as picture:
            _check_pixels(picture.size)
            picture.load()
            return picture.size
    # Pillow's many decoders raise whatever the damage happens to cause.
    except Exception as error:
        raise ValueError(_reason(image, error)) from error


def _check_pixels(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f"claims {size[0]} x {size[1]} pixels, more than any image of a face needs")


def _reason(image: bytes, error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if not image:
        return "holds no image: 0 bytes"
    if isinstance(error, UnidentifiedImageError):
        return f"is no image: it starts with {image[:16]!r}"
    return f"is damaged: {error}"
