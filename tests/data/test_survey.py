"""Photos and aligned faces are told apart by the sizes in their headers."""

import os
import zipfile

import numpy as np
import pytest
from pictures import encode

from femb_cli.data.files.folder import FolderSource
from femb_cli.data.open import open_source
from femb_cli.data.survey import image_sizes, is_photo, is_small, warn_of_photos

SIZES = {"a": (112, 112), "b": (250, 250), "c": (112, 96), "d": (32, 32)}


@pytest.fixture(params=["folder", "zip"])
def source(request, tmp_path):
    if request.param == "folder":
        for name, size in SIZES.items():
            (tmp_path / f"{name}.png").write_bytes(encode(0, size, "PNG"))
        (tmp_path / "e.jpg").write_bytes(b"no picture")
        return open_source(tmp_path)
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for name, size in SIZES.items():
            archive.writestr(f"{name}.jpg", encode(0, size, "JPEG"))
        archive.writestr("e.jpg", b"no picture")
    return open_source(tmp_path / "faces.zip")


def test_the_sizes_are_those_of_the_headers(source):
    assert image_sizes(source) == [*SIZES.values(), (0, 0)]
    assert image_sizes(source, np.array([3, 1])) == [(32, 32), (250, 250)]


@pytest.mark.parametrize(
    "size, photo, small",
    [
        ((112, 112), False, False),
        ((250, 250), True, False),
        ((112, 113), True, False),
        ((112, 96), False, True),
        ((32, 32), False, True),
        ((0, 0), False, False),
    ],
)
def test_photos_are_larger_than_aligned_faces(size, photo, small):
    assert (is_photo(size), is_small(size)) == (photo, small)


def test_the_network_s_input_size_is_one_of_aligned_faces():
    assert not is_photo((224, 224), [224])
    assert not is_small((32, 32), [32])
    assert is_photo((224, 200), [224])


def test_photos_are_counted_in_a_warning(source):
    counted = "1 of 5 images is a photo, not an aligned face of 112 x 112 pixels: they are kept"
    assert warn_of_photos(source, advice="they are kept") == counted
    assert warn_of_photos(source, other_sizes=[250], advice="x") == ""


def test_a_large_source_is_looked_at_evenly(tmp_path, monkeypatch):
    for number in range(9):
        (tmp_path / f"{number}.png").write_bytes(encode(0, (112, 112) if number < 8 else (190, 190), "PNG"))
    monkeypatch.setattr("femb_cli.data.survey._SAMPLE", 3)
    assert warn_of_photos(open_source(tmp_path), advice="x").startswith("1 of 3 images is a photo")
    assert "(of 9, 3 were looked at)" in warn_of_photos(open_source(tmp_path), advice="x")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert image_sizes(FolderSource(tmp_path)) == [(0, 0)]
