"""Photos and aligned faces are told apart by the sizes in their headers."""

import os
import zipfile

import numpy as np
import pytest
from pictures import encode

from femb_cli.data.files.folder import FolderSource
from femb_cli.data.open import open_source
from femb_cli.data.survey import find_photos, warn_of_photos

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


def test_only_squares_of_112_pixels_are_aligned_faces(source):
    assert find_photos(source).tolist() == [False, True, True, True, False]


def test_the_network_s_input_size_is_one_of_aligned_faces(source):
    assert find_photos(source, np.array([1, 3]), other_sizes=[32]).tolist() == [True, False]


def test_photos_are_counted_in_a_warning(source):
    counted = "3 of 5 images are photos, not aligned faces of 112 x 112 pixels: they are kept"
    assert warn_of_photos(source, advice="they are kept") == counted
    assert warn_of_photos(source, other_sizes=[32], advice="x").startswith("2 of 5")


def test_a_large_source_is_looked_at_evenly(tmp_path, monkeypatch):
    for number in range(9):
        (tmp_path / f"{number}.png").write_bytes(encode(0, (112, 112) if number < 8 else (90, 90), "PNG"))
    monkeypatch.setattr("femb_cli.data.survey._SAMPLE", 3)
    assert warn_of_photos(open_source(tmp_path), advice="x").startswith("1 of 3 images are photos")
    assert "(of 9, 3 were looked at)" in warn_of_photos(open_source(tmp_path), advice="x")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert find_photos(FolderSource(tmp_path)).tolist() == [False]
