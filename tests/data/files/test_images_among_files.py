"""Images are told from other files by their endings or their first bytes."""

import os

import pytest
from pictures import HEIC_STUB, encode

from femb_cli.data.files.images_among_files import count_unread, images_among, is_image_file, start_of_file

JPEG = encode(1)


def among(**files: bytes) -> tuple[list[str], dict[str, int]]:
    return images_among([(name.replace("_", "."), content) for name, content in files.items()], lambda start: start)


def test_a_known_ending_is_enough_and_the_file_is_not_opened():
    def refuse(name):
        raise AssertionError(f"{name} was opened")

    names = ["a.jpg", "b.JPEG", "c.jfif", "d.jpe", "e.pgm", "f.gif", "g.avif", "h.tif"]
    assert images_among([(name, name) for name in names], refuse) == (names, {})


def test_other_files_count_by_their_first_bytes():
    images, unread = among(face=JPEG, face_0001=JPEG, x_mp4=bytes(9), y_mp4=b"", notes_txt=b"BM", a_MP4=b"")
    assert images == [JPEG, JPEG]
    assert unread == {".mp4": 3, ".txt": 1}


def test_an_ending_is_written_as_in_the_first_file():
    assert among(x_MOV=b"", y_mov=b"", z=b"") == ([], {".MOV": 2, "": 1})


def test_raw_photos_are_no_images_though_they_are_tiff():
    tiff = encode(1, form="TIFF")
    assert among(a_nef=tiff, b_CR2=tiff, c=tiff) == ([tiff], {".nef": 1, ".CR2": 1})


def test_heic_counts_by_what_is_installed(without_heic):
    assert among(a_HEIC=HEIC_STUB, b=HEIC_STUB, c_heic=b"") == ([], {".HEIC": 3})
    assert among(renamed_heic=JPEG) == ([JPEG], {})


def test_with_the_package_heic_is_an_image_like_any_other():
    pytest.importorskip("pillow_heif")
    assert among(a_HEIC=b"damaged", b=HEIC_STUB) == ([b"damaged", HEIC_STUB], {})


def test_a_pipe_or_a_missing_file_has_no_start(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert [start_of_file(tmp_path / name) for name in ("pipe", "none", "")] == [None, None, None]
    assert count_unread([tmp_path / "pipe", tmp_path / "x.mov"]) == {"": 1, ".mov": 1}


def test_one_file_is_asked_for_by_its_path(tmp_path):
    (tmp_path / "face").write_bytes(JPEG)
    (tmp_path / "text").write_bytes(b"text")
    assert [is_image_file(tmp_path / name) for name in ("face", "text", "missing.jpg", "missing")] == [
        *(True, False, True, False),
    ]
