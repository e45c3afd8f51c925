"""The format of an image by its first bytes."""

import numpy as np
import pytest
from pictures import HEIC_STUB, encode
from PIL import Image

from femb_cli.data.images.signature import START_BYTES, image_format


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        *(("JPEG", "JPEG"), ("PNG", "PNG"), ("GIF", "GIF"), ("TIFF", "TIFF"), ("WEBP", "WEBP"), ("AVIF", "AVIF")),
        *(("BMP", "BMP"), ("PPM", "PNM")),
    ],
)
def test_what_pillow_writes_is_known(form, expected):
    assert image_format(encode(1, form=form)[:START_BYTES]) == expected


@pytest.mark.parametrize(
    "header", [b"P5\n92 112\n255\n", b"P5\n# made by hand\n92 112", b"P2 3 3 15 1 2 3", b"P6 1 1 65535\n"]
)
def test_portable_maps_are_known(header):
    assert image_format(header) == "PNM"


def test_heic_and_avif_are_told_apart_by_their_brands():
    assert image_format(HEIC_STUB) == "HEIC"
    assert image_format(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic") == "HEIC"
    assert image_format(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif") == "AVIF"


@pytest.mark.parametrize(
    "start",
    [
        *(
            b"",
            b"\xff",
            b"BM",
            b"BMW is a maker of cars, and this is a text",
            b"P5",
            b"P5 20\nP6 30\n",
            b"GIF",
            b"%PDF-1.7",
        ),
        *(b"RIFF\x10\0\0\0WAVEfmt ", b"\0\0\0\x18ftypisom\0\0\0\0isomavif", b"\0\0\0\x14ftypqt  ", bytes(START_BYTES)),
        np.arange(64, dtype=np.uint8).tobytes(),
    ],
)
def test_other_files_are_no_images(start):
    assert image_format(start) is None


def test_a_bitmap_with_an_old_header_is_known():
    image = Image.new("L", (3, 3))
    assert image_format(b"BM" + bytes(8) + b"\x1a\0\0\0\x0c\0\0\0" + image.tobytes()) == "BMP"
