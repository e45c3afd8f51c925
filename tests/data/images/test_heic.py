"""HEIC, with and without the package that reads it."""

import io

import numpy as np
import pytest
from pictures import HEIC_STUB
from PIL import Image

from femb_cli.data.images.decode import decode_image, decode_photo
from femb_cli.data.images.encoded import check_image
from femb_cli.errors import FembError


def test_without_the_package_the_error_says_what_to_install(without_heic):
    for decode in (decode_image, decode_photo):
        with pytest.raises(FembError, match=r"image is a HEIC image: pip install pillow-heif makes") as caught:
            decode(HEIC_STUB, name="image")
        assert "cannot identify" not in str(caught.value)
    with pytest.raises(ValueError, match="pillow-heif"):
        check_image(HEIC_STUB)


def test_with_the_package_an_image_is_decoded_upright_and_a_stub_is_damaged():
    pillow_heif = pytest.importorskip("pillow_heif")
    shades = np.zeros((48, 64, 3), np.uint8)
    shades[:, :32] = 200
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(shades)).save(buffer, quality=90, exif=exif.tobytes())
    photo = decode_photo(buffer.getvalue())
    assert photo.shape == (64, 48, 3)
    assert photo[:30].min() > 190
    assert photo[-30:].max() < 10
    assert check_image(buffer.getvalue(), decode=True) == (48, 64)
    with pytest.raises(FembError, match="not a readable image"):
        decode_image(HEIC_STUB)
