"""From encoded bytes to pixels."""

import hashlib
import io
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from femb_cli.data.images.decode import decode_image, decode_into, decode_photo, to_rgb
from femb_cli.data.images.encoded import check_image
from femb_cli.data.open import open_source
from femb_cli.errors import FembError

GREY = np.arange(30, dtype=np.uint8).reshape(5, 6) * 8


def encode(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def pixels(encoded):
    return decode_image(encoded, size=None)


def test_rgb_is_kept():
    colours = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    decoded = pixels(encode(Image.fromarray(colours)))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, colours)


def test_grey_is_repeated():
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(GREY))), np.stack([GREY] * 3, 2))


@pytest.mark.parametrize("mode, alpha", [("RGBA", 0), ("RGBA", 128), ("LA", 0)])
def test_alpha_is_dropped(mode, alpha):
    image = Image.fromarray(GREY).convert(mode)
    image.putalpha(alpha)
    np.testing.assert_array_equal(pixels(encode(image)), np.stack([GREY] * 3, 2))


@pytest.mark.parametrize("form, options", [("PNG", {}), ("TIFF", {})])
def test_16_bits_keep_their_upper_8(form, options):
    deep = GREY.astype(np.uint16) * 256 + 77
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(deep), form, **options)), np.stack([GREY] * 3, 2))


def test_cmyk_becomes_rgb():
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = pixels(encode(image, "JPEG", quality=95))[4, 4].astype(int)
    assert np.abs(red - [255, 0, 0]).max() < 12


def test_palette_becomes_rgb():
    colours = np.zeros((4, 4, 3), np.uint8)
    colours[:2] = (200, 10, 60)
    palette = Image.fromarray(colours).quantize(2)
    np.testing.assert_array_equal(pixels(encode(palette)), colours)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "WEBP", "GIF"])
def test_usual_formats_are_decoded(form):
    decoded = pixels(encode(Image.new("RGB", (6, 5), (120, 120, 120)), form))
    assert decoded.shape == (5, 6, 3)
    assert np.abs(decoded.astype(int) - 120).max() < 4


def test_exif_orientation_is_ignored():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert pixels(encode(Image.new("RGB", (6, 5)), "JPEG", exif=exif)).shape == (5, 6, 3)


def test_other_sizes_are_resized_with_antialiasing():
    stripes = np.zeros((224, 224, 3), np.uint8)
    stripes[:, ::2] = 255
    decoded = decode_image(encode(Image.fromarray(stripes)))
    assert decoded.shape == (112, 112, 3)
    assert np.abs(decoded[8:-8, 8:-8].astype(int) - 127).max() <= 2


def test_the_aligned_size_is_not_resampled():
    noise = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode_image(encode(Image.fromarray(noise))), noise)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_an_image_cut_short_is_an_error_that_names_it(form):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    encoded = encode(Image.fromarray(noise), form)
    with pytest.raises(FembError, match=r"anna/1\.jpg"):
        decode_image(encoded[: len(encoded) // 2], name="anna/1.jpg")


@pytest.mark.parametrize("encoded", [b"", b"\xff\xd8\xff", b"<html>not found</html>", bytes(1000)])
def test_bytes_that_are_no_image_are_an_error(encoded):
    with pytest.raises(FembError, match="not a readable image: it (starts with b'|is empty|is a web page)"):
        decode_image(encoded)


def test_a_variant_that_pillow_does_not_decode_is_an_error():
    encoded = bytearray(encode(Image.new("RGB", (8, 8)), "DDS"))
    encoded[80] = 1  # pixel format flags
    with pytest.raises(FembError, match="not a readable image"):
        decode_image(bytes(encoded))


def test_a_tiff_whose_offset_is_no_integer_is_an_error():
    encoded = encode(Image.new("RGB", (8, 8)), "TIFF")
    strip_offsets, as_float = struct.pack("<HH", 273, 4), struct.pack("<HH", 273, 11)
    assert encoded.count(strip_offsets) == 1
    with pytest.raises(FembError, match="not a readable image"):
        decode_image(encoded.replace(strip_offsets, as_float))


def test_an_absurd_size_is_refused_before_decoding():
    with pytest.raises(FembError, match="10000 x 8000"):
        decode_image(encode(Image.new("1", (10_000, 8_000))))


@pytest.mark.parametrize(
    "options", [{}, {"quality": 30}, {"progressive": True}, {"subsampling": 0}, {"optimize": True}]
)
def test_jpeg_gives_the_pixels_of_pillow(options):
    smooth = Image.effect_noise((14, 14), 90).resize((112, 112), Image.Resampling.BICUBIC)
    image = Image.merge("RGB", [smooth, smooth.rotate(90), smooth.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])
    encoded = encode(image, "JPEG", **options)
    np.testing.assert_array_equal(decode_image(encoded), np.asarray(Image.open(io.BytesIO(encoded))))


def test_real_faces_give_the_pixels_of_pillow(shared):
    source = open_source(shared / "data/records/lfw_tiny12x5_face2rec2")
    for index in range(len(source)):
        encoded = source.read(index)
        np.testing.assert_array_equal(decode_image(encoded), np.asarray(Image.open(io.BytesIO(encoded))))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_golden_encodings_decode_as_expected(shared):
    folder = shared / "golden/formats/recordio/g_encodings"
    source = open_source(folder)
    for index, expected in enumerate(json.loads((folder / "expected.json").read_text())["images"]):
        decoded = decode_image(source.read(index), size=None)
        assert decoded.shape == (expected["height"], expected["width"], 3)
        if "mean_rgb" in expected:
            tolerance = 2.0 if expected["mode"] == "CMYK" else 1.0
            assert np.abs(decoded.mean((0, 1)) - expected["mean_rgb"]).max() <= tolerance
        elif "sha256_rgb_pixels" in expected:
            assert hashlib.sha256(decoded.tobytes()).hexdigest() == expected["sha256_rgb_pixels"]


@pytest.mark.parametrize("size", [None, 16])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_image_is_turned_by_its_exif_orientation_if_it_is_to_be_upright(form, size):
    upright = Image.fromarray(np.arange(16, dtype=np.uint8).repeat(48).reshape(16, 16, 3))  # darker towards the top
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(upright.transpose(Image.Transpose.ROTATE_90), form, exif=exif)
    assert abs(decode_image(turned, size, upright=True).astype(int) - np.asarray(upright)).max() <= 3


def test_exif_without_a_turn_changes_nothing():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x010F] = "camera"
    decoded = decode_image(encode(image, "JPEG", exif=exif), 16, upright=True)
    assert (decoded == decode_image(encode(image, "JPEG"), 16)).all()


def test_pixels_are_put_into_the_place_given():
    images = np.zeros((3, 8, 8, 3), np.uint8)
    for index, form in enumerate(["JPEG", "PNG", "WEBP"]):
        decode_into(encode(Image.new("RGB", (8, 8), (90, 90, 90)), form), images[index])
    assert np.abs(images.astype(int) - 90).max() < 4


@pytest.mark.parametrize("size", [(4, 4), (4, 8), (16, 16), (8, 16)])
def test_an_image_of_another_size_fills_the_place(size):
    pixels = np.zeros((8, 8, 3), np.uint8)
    decode_into(encode(Image.new("RGB", size, (90, 90, 90)), "JPEG"), pixels)
    assert np.abs(pixels.astype(int) - 90).max() < 4


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")
def test_images_of_another_size_take_no_memory_for_good():
    data, pixels = encode(Image.new("RGB", (250, 250)), "JPEG"), np.empty((112, 112, 3), dtype=np.uint8)
    decode_into(data, pixels)
    before = resident_bytes()
    for _ in range(1000):
        decode_into(data, pixels)
    assert resident_bytes() - before < 2 * 2**20


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_an_animation_is_its_first_frame():
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ((250, 0, 0), (0, 0, 250)))
    for form in ("GIF", "WEBP", "AVIF"):
        encoded = encode(first, form, save_all=True, append_images=[second])
        assert np.abs(pixels(encoded).astype(int) - (250, 0, 0)).max() < 16, form


@pytest.mark.parametrize("largest", [255, 4095, 65535])
def test_a_deep_portable_map_keeps_its_upper_8_bits(largest):
    deep = (GREY.astype(np.float64) * largest / 255).round().astype(">u2" if largest > 255 else np.uint8)
    encoded = b"P5\n6 5\n%d\n" % largest + deep.tobytes()
    assert np.abs(pixels(encoded)[..., 0].astype(int) - GREY).max() <= 1
    np.testing.assert_array_equal(pixels(encoded), decode_photo(encoded))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("transparency", [0, bytes([0, 128])])
def test_the_transparency_of_a_palette_is_dropped_in_silence(transparency):
    colours = np.zeros((4, 4, 3), np.uint8)
    colours[:2] = (200, 10, 60)
    encoded = encode(Image.fromarray(colours).quantize(2), transparency=transparency)
    np.testing.assert_array_equal(pixels(encoded), colours)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_pixels_of_unknown_range_are_refused(kind):
    encoded = encode(Image.fromarray(np.ones((4, 4), kind)), "TIFF")
    with pytest.raises(FembError, match=r"a\.tif has signed or floating-point pixels"):
        decode_image(encoded, name="a.tif")
    with pytest.raises(ValueError, match="signed or floating-point"):
        check_image(encoded)
    with pytest.raises(FembError, match="the image has signed or floating-point"):
        to_rgb(Image.fromarray(np.ones((4, 4), kind)), upright=False)
