"""One image in any form: the same pixels, whatever it comes as."""

import io

import numpy as np
import pytest
import torch
from pictures import HEIC_STUB
from PIL import Image

from femb_cli.data.images.orientation import ORIENTATION_TAG
from femb_cli.errors import FembError
from femb_cli.inference.image_input import ImageInput, is_one_image

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8)


def encoded(orientation=1):
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION_TAG] = orientation
    Image.fromarray(PIXELS).save(file, "PNG", exif=exif)
    return file.getvalue()


@pytest.fixture
def forms(tmp_path):
    (tmp_path / "face.png").write_bytes(encoded())
    return {
        "path": tmp_path / "face.png",
        "text": str(tmp_path / "face.png"),
        "bytes": encoded(),
        "pillow": Image.fromarray(PIXELS),
        "array": PIXELS,
        "tensor": torch.from_numpy(PIXELS.copy()),
    }


@pytest.mark.parametrize("form", ["path", "text", "bytes", "pillow", "array", "tensor"])
def test_every_form_gives_the_same_pixels(forms, form):
    assert is_one_image(forms[form])
    image = ImageInput.of(forms[form])
    assert image.size() == (4, 6)
    assert np.array_equal(image.as_aligned(None), PIXELS)
    assert np.array_equal(image.as_photo(), PIXELS)
    assert image.as_aligned(8).shape == (8, 8, 3)
    assert np.array_equal(image.as_aligned(8), ImageInput.of(PIXELS).as_aligned(8))


@pytest.mark.parametrize("form", ["bytes", "pillow"])
def test_images_are_turned_by_their_orientation(form):
    data = encoded(orientation=6)
    image = ImageInput.of(data if form == "bytes" else Image.open(io.BytesIO(data)))
    assert np.array_equal(image.as_aligned(None), np.rot90(PIXELS, -1))
    assert np.array_equal(image.as_photo(), np.rot90(PIXELS, -1))


def test_a_name_is_kept_for_messages(forms):
    assert ImageInput.of(forms["path"]).name == str(forms["path"])
    assert ImageInput.of(Image.open(forms["path"])).name == str(forms["path"])
    assert ImageInput.of(forms["array"]).name == "the image"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("missing.png", r"there is no image 'missing\.png'"),
        (".", r"'\.' is not a regular file"),
        ("/dev/zero", "'/dev/zero' is not a regular file"),
        ("a\0b.png", r"'a\\x00b\.png' is not a path"),
        (np.zeros((6, 4), np.uint8), r"\(H, W, 3\), not uint8 \(6, 4\)"),
        (np.zeros((6, 4, 3)), r"not float64 \(6, 4, 3\)"),
        (torch.zeros(3, 6, 4, dtype=torch.uint8), r"not uint8 \(3, 6, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels: it is 4 x 0"),
        (Image.new("RGB", (0, 6)), "no pixels: it is 0 x 6"),
        (torch.zeros(6, 4, 3, requires_grad=True), "not float32"),
        (7, "or a tensor, not int"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(FembError, match=message):
        ImageInput.of(image)


def test_a_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    for read in (ImageInput.size, ImageInput.as_photo, lambda image: image.as_aligned(None)):
        with pytest.raises(FembError, match=r"notes\.txt is not a readable image"):
            read(ImageInput.of(tmp_path / "notes.txt"))


def test_bytes_that_are_no_image_are_shown():
    with pytest.raises(FembError, match="it starts with b'no picture'"):
        ImageInput.of(b"no picture").size()


@pytest.mark.parametrize("as_bytes", [bytearray, memoryview])
def test_all_kinds_of_bytes_are_read(as_bytes):
    data = as_bytes(encoded())
    assert is_one_image(data)
    assert np.array_equal(ImageInput.of(data).as_photo(), PIXELS)


@pytest.mark.parametrize("read", [ImageInput.as_photo, lambda image: image.as_aligned(None)])
def test_an_image_of_pillow_may_be_damaged(tmp_path, read):
    (tmp_path / "cut.png").write_bytes(encoded()[:80])
    with pytest.raises(FembError, match=r"cut\.png is not a readable image"):
        read(ImageInput.of(Image.open(tmp_path / "cut.png")))


@pytest.mark.parametrize("value", [None, 7, io.BytesIO(encoded())])
def test_neither_one_image_nor_several(value):
    with pytest.raises(FembError, match=f"not {type(value).__name__}"):
        is_one_image(value)


@pytest.mark.parametrize("images", [np.zeros((2, 6, 4, 3)), [], ["a.png"], torch.zeros(2, 6, 4, 3), iter(())])
def test_batches_and_lists_are_several(images):
    assert not is_one_image(images)


def test_a_heic_photo_says_what_reads_it(without_heic):
    with pytest.raises(FembError, match=r"the image is a HEIC image: pip install pillow-heif"):
        ImageInput.of(HEIC_STUB).size()
