"""Photos are turned by their EXIF orientation."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from femb_cli.data.images.decode import decode_image, decode_photo
from femb_cli.data.images.orientation import ORIENTATION_TAG, turn_upright
from femb_cli.errors import FembError

PICTURE = np.arange(7 * 5 * 3, dtype=np.uint8).reshape(7, 5, 3) * 2


def stored(orientation, form="PNG"):
    """PICTURE as a camera stores it, with the tag that says how to turn it upright."""
    tag = Image.Exif()
    tag[ORIENTATION_TAG] = orientation
    opposite = {6: 8, 8: 6}.get(orientation, orientation)
    buffer = io.BytesIO()
    turn_upright(Image.fromarray(PICTURE), opposite).save(buffer, form, exif=tag)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_pillow_turns_them(orientation):
    pillow = ImageOps.exif_transpose(Image.open(io.BytesIO(stored(orientation))))
    np.testing.assert_array_equal(decode_photo(stored(orientation)), np.asarray(pillow))


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation, form):
    np.testing.assert_array_equal(decode_photo(stored(orientation, form)), PICTURE)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0MM\0*" + b"\xff" * 40, b"no EXIF at all"])
def test_a_broken_tag_leaves_the_picture_as_it_is(exif):
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, "JPEG", exif=exif)
    np.testing.assert_array_equal(decode_photo(buffer.getvalue()), decode_image(buffer.getvalue(), size=None))


def test_files_of_phones_and_cameras(shared):
    folder = shared / "golden/alignment/exif"
    upright = decode_photo((folder / "upright.png").read_bytes()).astype(int)
    for file in [*sorted(folder.glob("orientation_*")), folder / "no_exif.jpg"]:
        decoded = decode_photo(file.read_bytes(), file)
        assert decoded.shape == upright.shape, file
        assert abs(decoded - upright).max() <= (3 if file.suffix == ".jpg" else 0), file


def test_the_pixels_may_be_written_to():
    assert decode_photo(stored(6)).flags.writeable


def test_jpegs_of_every_kind_are_decoded_as_pillow_does():
    colours = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for image in (Image.fromarray(colours), Image.fromarray(colours[..., 0]), Image.fromarray(colours).convert("CMYK")):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG")
        np.testing.assert_array_equal(decode_photo(buffer.getvalue()), decode_image(buffer.getvalue(), size=None))


@pytest.mark.parametrize("damaged", [stored(1, "JPEG")[:300], b"\xff\xd8\xff", b"text", b""])
def test_what_is_no_whole_photo_is_refused_by_name(damaged):
    with pytest.raises(FembError, match="holiday.jpg is not a readable image"):
        decode_photo(damaged, "holiday.jpg")
