"""The order of the colours in stored images: red first, as decoders return it, or blue first by mistake.

OpenCV reads an image with blue first. A script that saved such pixels as if red came first has written images in which
red and blue are swapped: the files state RGB, and their people are blue. `bgr` names such images.
"""

import io
from typing import Literal

import numpy as np
from PIL import Image

from femb_cli.data.images.decode import decode_image
from femb_cli.data.images.encoded import Encoded
from femb_cli.data.images.orientation import ORIENTATION_TAG, orientation
from femb_cli.data.images.picture import open_picture

ChannelOrder = Literal["rgb", "bgr"]


def swap_red_and_blue(encoded: Encoded, name: object = "image") -> bytes:
    """Return an image that decodes to the same pixels with red and blue swapped, as an uncompressed image.

    An EXIF orientation stays, for those who turn images by it.

    Args:
        encoded: An image in any format that `open_picture` reads.
        name: What to call it in an error; converted by str().

    Raises:
        FembError: The bytes are not an image, are cut short, or are an image that `open_picture` refuses.
    """
    rgb_HW3 = decode_image(encoded, None, name)
    swapped_HW3 = np.ascontiguousarray(rgb_HW3[:, :, ::-1])
    with open_picture(bytes(encoded)) as picture:
        tag = orientation(picture)
    if tag == 1:
        # Written by hand, because a training does this for every image.
        return b"P6\n%d %d\n255\n" % swapped_HW3.shape[1::-1] + swapped_HW3.tobytes()
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = tag
    buffer = io.BytesIO()
    Image.fromarray(swapped_HW3).save(buffer, "PNG", compress_level=0, exif=exif)
    return buffer.getvalue()
