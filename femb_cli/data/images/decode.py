"""Decode an image of any format to uint8 RGB pixels, (H, W, 3).

Greyscale is repeated for the three channels, a palette is looked up, transparency is dropped, 16 bits are reduced to
their upper 8, and CMYK is converted as Pillow does. Of an animation the first frame counts.

- Aligned faces are wanted at one size: others are resized to it, bicubic with antialiasing. Training ignores their EXIF
  orientation, as MXNet does; embedding turns them, because people embed what they see.
- Photos keep their size and are turned by their EXIF orientation.
"""

import io

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from femb_cli.data.images.encoded import JPEG_START, Encoded
from femb_cli.data.images.orientation import orientation, turn_upright
from femb_cli.data.images.picture import (
    MAX_PIXELS,
    UNKNOWN_RANGE,
    RefusedPicture,
    has_unknown_range,
    open_picture,
    why_unreadable,
)
from femb_cli.errors import FembError

ALIGNED_SIZE = 112
"""Height and width in pixels of a face aligned to the ArcFace template."""


def decode_into(
    encoded: Encoded, pixels_HW3: NDArray[np.uint8], name: object = "image", *, upright: bool = False
) -> None:
    """Decode an image into an existing array, at the array's size.

    An intact JPEG of that size is decoded straight into the array; everything else goes through Pillow, which gives
    the same pixels. Both release the GIL, so that threads decode in parallel.

    Args:
        encoded: An image as stored, in any format that `open_picture` reads.
        pixels_HW3: The array to fill, uint8 RGB, contiguous.
        name: What to call the image in an error; converted by str().
        upright: Turn the image by its EXIF orientation.

    Raises:
        FembError: The bytes are not an image, are cut short, or are an image that `open_picture` refuses.
    """
    if encoded[:3] == JPEG_START and not (upright and _may_be_turned(encoded)):
        # The size is compared first, because simplejpeg 1.9 loses 4 KB of memory where the array is too small.
        try:
            if simplejpeg.decode_jpeg_header(encoded)[:2] == pixels_HW3.shape[:2]:
                simplejpeg.decode_jpeg(encoded, "RGB", buffer=pixels_HW3)
                return
        except ValueError:  # damaged
            pass
    size = (pixels_HW3.shape[1], pixels_HW3.shape[0])
    pixels_HW3[:] = _decode_with_pillow(bytes(encoded), name, size, upright=upright)


def decode_image(
    encoded: Encoded, size: int | None = ALIGNED_SIZE, name: object = "image", *, upright: bool = False
) -> NDArray[np.uint8]:
    """Decode an image to uint8 RGB, (size, size, 3), or with `size` None to its stored size, (H, W, 3).

    See `decode_into`.

    Raises:
        FembError: The bytes are not an image, are cut short, or are an image that `open_picture` refuses.
    """
    if size is None:
        return _decode_with_pillow(bytes(encoded), name, None, upright=upright)
    pixels_HW3 = np.empty((size, size, 3), dtype=np.uint8)
    decode_into(encoded, pixels_HW3, name, upright=upright)
    return pixels_HW3


def decode_photo(encoded: Encoded, name: object = "photo", *, shorter_side: int | None = None) -> NDArray[np.uint8]:
    """Decode a photo to uint8 RGB, (H, W, 3), turned upright by its EXIF orientation.

    Args:
        encoded: An image as stored, in any format that `open_picture` reads.
        name: What to call the photo in an error; converted by str().
        shorter_side: Let the JPEG decoder reduce the photo by up to 8, which is faster, as long as its shorter side
            keeps this many pixels; None keeps the stored size, as do all formats but JPEG.

    Raises:
        FembError: The bytes are not an image, are cut short, or are an image that `open_picture` refuses.
    """
    encoded = bytes(encoded)
    if encoded.startswith(JPEG_START):
        # simplejpeg gives Pillow's pixels in a third of its time; Pillow reads no more than the header here.
        try:
            header = Image.open(io.BytesIO(encoded))
            if header.mode in ("RGB", "L") and header.width * header.height <= MAX_PIXELS:
                least = shorter_side or min(header.size)
                pixels_HW3 = simplejpeg.decode_jpeg(encoded, "RGB", min_height=least, min_width=least)
                tag = orientation(header)
                return pixels_HW3 if tag == 1 else np.array(turn_upright(Image.fromarray(pixels_HW3), tag))
        except (OSError, ValueError, Image.DecompressionBombError):  # damaged
            pass
    return np.array(_decode_with_pillow(encoded, name, None, upright=True))


def to_rgb(image: Image.Image, *, upright: bool) -> Image.Image:
    """Convert an image of Pillow to RGB, and turn it by its EXIF orientation if it is to be upright.

    Raises:
        FembError: The image has pixels of unknown range.
    """
    if has_unknown_range(image):
        raise FembError(f"the image {UNKNOWN_RANGE}")
    if image.mode == "I" or image.mode.startswith("I;16"):
        rgb = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    else:
        # Pillow warns where it drops the transparency of a palette itself.
        has_alpha = isinstance(image.info.get("transparency"), bytes)
        rgb = (image.convert("RGBA") if has_alpha else image).convert("RGB")
    # After decoding, because Pillow turns a TIFF itself while it decodes it, and removes the tag.
    return turn_upright(rgb, orientation(image)) if upright else rgb


def _may_be_turned(encoded: Encoded) -> bool:
    """Whether a JPEG has EXIF, which is among its first segments; nearly all aligned faces have none."""
    return b"Exif\0\0" in bytes(encoded[:4096])


def _decode_with_pillow(
    encoded: bytes, name: object, size: tuple[int, int] | None, *, upright: bool = False
) -> NDArray[np.uint8]:
    """Decode to `size`, which is width and height; None keeps the stored size."""
    try:
        with open_picture(encoded) as image:
            rgb = to_rgb(image, upright=upright)
    except RefusedPicture as refusal:
        raise FembError(f"{name} {refusal}") from refusal
    # Pillow's decoders raise many kinds of exceptions on damaged files.
    except Exception as error:
        raise FembError(f"{name} is not a readable image: {why_unreadable(error, encoded)}") from error
    if size is not None and rgb.size != size:
        rgb = rgb.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(rgb)
