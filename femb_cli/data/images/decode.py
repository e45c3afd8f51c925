"""From encoded bytes to pixels: uint8 RGB (H, W, 3), by one rule for every kind of image.

Greyscale is repeated, a palette looked up, an alpha channel dropped, 16 bits reduced to their upper 8, CMYK converted
as Pillow does; EXIF orientation is ignored, as in the field's own tools. Another size than the wanted one is resized,
both ways at once, with antialiasing (bicubic).
"""

import io

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from femb_cli.data.images.encoded import JPEG_START, MAX_PIXELS
from femb_cli.data.source import Encoded
from femb_cli.errors import FembError

ALIGNED_SIZE = 112
"""Height and width of a face aligned to the ArcFace template, pixels."""


def decode_into(encoded: Encoded, pixels_HW3: NDArray[np.uint8], name: object = "image") -> None:
    """Decode to uint8 RGB in the place and the size given.

    A JPEG without any fault goes straight there; everything else is left to Pillow, which gives the same pixels.
    Either lets other threads run meanwhile.

    Args:
        encoded: JPEG, PNG, BMP, WebP ... as stored.
        pixels_HW3: where to, contiguous.
        name: what to call the image in an error; str() makes it text.

    Raises:
        FembError: the bytes are not an image, cut short, or of an absurd size.
    """
    if encoded[:3] == JPEG_START:
        try:
            decoded = simplejpeg.decode_jpeg(encoded, "RGB", buffer=pixels_HW3)
        except ValueError:  # damaged, or larger than the place
            pass
        else:
            if decoded.shape == pixels_HW3.shape:
                return
    pixels_HW3[:] = _decode_with_pillow(bytes(encoded), name, (pixels_HW3.shape[1], pixels_HW3.shape[0]))


def decode_image(encoded: Encoded, size: int | None = ALIGNED_SIZE, name: object = "image") -> NDArray[np.uint8]:
    """Decode to uint8 RGB, (size, size, 3), or with `size` None (H, W, 3) as stored.

    Raises:
        FembError: the bytes are not an image, cut short, or of an absurd size.
    """
    if size is None:
        return _decode_with_pillow(bytes(encoded), name, None)
    pixels_HW3 = np.empty((size, size, 3), dtype=np.uint8)
    decode_into(encoded, pixels_HW3, name)
    return pixels_HW3


def _decode_with_pillow(encoded: bytes, name: object, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Decode to `size`, width and height, or as stored."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise FembError(f"{name} claims {image.width} x {image.height} pixels: more than a face needs")
            if image.mode.startswith("I;16"):
                rgb = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
            else:
                rgb = image.convert("RGB")
    except FembError:
        raise
    # Pillow's many decoders raise whatever the damage happens to cause.
    except Exception as error:
        raise FembError(f"{name} is not a readable image: {error}") from error
    if size is not None and rgb.size != size:
        rgb = rgb.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(rgb)
