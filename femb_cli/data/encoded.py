"""What an encoded image says about itself: its size, and whether it is whole.

JPEG and PNG, which are nearly all of every data set, are judged by their headers and end markers in microseconds.
Everything else, and whatever looks odd, is left to Pillow, which decodes it.
"""

import io
import struct

MAX_PIXELS = 64_000_000
"""An image that claims more is refused before it is decoded."""

_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 ... SOF15 without DHT, JPG and DAC
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
    if image.startswith(_JPEG_START):
        return _jpeg_size(image)
    if image.startswith(_PNG_START) and image[12:16] == b"IHDR" and _PNG_END in image:
        return struct.unpack_from(">II", image, 16)
    return None


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
