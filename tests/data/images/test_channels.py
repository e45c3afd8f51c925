"""Red and blue of an encoded image can be swapped without loss."""

import io

import numpy as np
import pytest
from PIL import Image

from femb_cli.data.images.channels import swap_red_and_blue
from femb_cli.data.images.decode import decode_image, decode_photo
from femb_cli.data.images.orientation import ORIENTATION_TAG
from femb_cli.errors import FembError

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def encode(form: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form, mode", [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "P"), ("PNG", "RGBA"), ("WEBP", "RGB")])
def test_every_pixel_has_red_and_blue_swapped(form, mode):
    encoded = encode(form, mode)
    swapped = swap_red_and_blue(encoded)
    assert (decode_image(swapped, None) == decode_image(encoded, None)[:, :, ::-1]).all()
    assert (decode_image(swapped, 20) == decode_image(encoded, 20)[:, :, ::-1]).all()


def test_an_orientation_stays():
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    encoded = encode("JPEG", exif=exif)
    swapped = swap_red_and_blue(encoded)
    assert decode_photo(swapped).shape == (40, 24, 3)
    assert (decode_photo(swapped) == decode_photo(encoded)[:, :, ::-1]).all()
    assert (decode_image(swapped, None) == decode_image(encoded, None)[:, :, ::-1]).all()


def test_a_damaged_image_is_named():
    with pytest.raises(FembError, match=r"ann/1\.jpg is not a readable image"):
        swap_red_and_blue(encode("JPEG")[:200], "ann/1.jpg")
