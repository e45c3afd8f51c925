"""Open an encoded image with Pillow, and refuse what femb would misread."""

import io
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from femb_cli.data.images.heic import INSTALL, can_read_heic, teach_pillow_heic
from femb_cli.data.images.signature import START_BYTES, image_format

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 64_000_000
"""An image whose header states more pixels is refused before it is decoded."""


_OTHER_KINDS = {
    b"\x93NUMPY": "an array of NumPy",
    b"PK\x03\x04": "a zip archive",
    b"%PDF": "a PDF document",
    b"<!": "a web page",
    b"<html": "a web page",
}
"""What a file is by its first bytes, if it is no image."""

UNKNOWN_RANGE = "has signed or floating-point pixels, of which femb does not know the range: save it with 8 or 16 bits"


class RefusedPicture(ValueError):
    """femb does not decode this image; the message is the reason, and continues a sentence after the image's name."""


def open_picture(image: bytes | str) -> "Image":
    """Open an image without decoding it; of several frames the first.

    Args:
        image: An image in a format that Pillow reads, or HEIC; or the path of such a file.

    Raises:
        RefusedPicture: The path leads to a pipe or a device; or the image states more than `MAX_PIXELS` pixels, has
            signed or floating-point pixels, of which nobody knows what is black and what is white, or is HEIC and
            pillow-heif is not installed.
        Exception: Pillow cannot open it.
    """
    from PIL import Image

    if image_format(_start(image)) == "HEIC":
        if not can_read_heic():
            raise RefusedPicture(f"is a HEIC image: {INSTALL} makes femb read it")
        teach_pillow_heic()
    picture = Image.open(io.BytesIO(image) if isinstance(image, bytes) else image)
    check_pixels(picture.size)
    if has_unknown_range(picture):
        raise RefusedPicture(UNKNOWN_RANGE)
    return picture


def why_unreadable(error: Exception, start: bytes) -> str:
    """Return why Pillow could not read an image, in words that name no part of Pillow.

    Args:
        error: Pillow's error.
        start: the beginning of the image.
    """
    from PIL import UnidentifiedImageError

    if not start:
        return "it is empty"
    if (kind := next((kind for magic, kind in _OTHER_KINDS.items() if start.startswith(magic)), None)) is not None:
        return f"it is {kind}"
    if isinstance(error, UnidentifiedImageError):
        return f"it starts with {start[:12]!r}"
    words = str(error).lower()
    return "it is cut short" if "truncated" in words or "buffer" in words else "it is damaged"


def has_unknown_range(picture: "Image") -> bool:
    """Whether pixels are signed or floating-point numbers; those of a PGM are known to have 16 bits."""
    return picture.mode == "F" or (picture.mode == "I" and picture.format != "PPM")


def check_pixels(size: tuple[int, int]) -> None:
    """Refuse a width and a height that no image of a face needs.

    Raises:
        RefusedPicture: They are more than `MAX_PIXELS` pixels.
    """
    if size[0] * size[1] > MAX_PIXELS:
        raise RefusedPicture(f"claims {size[0]} x {size[1]} pixels, more than any image of a face needs")


def _start(image: bytes | str) -> bytes:
    if isinstance(image, bytes):
        return image[:START_BYTES]
    if not S_ISREG(Path(image).stat().st_mode):  # opening a pipe would wait for ever
        raise RefusedPicture("is not a regular file")
    with Path(image).open("rb") as file:
        return file.read(START_BYTES)
