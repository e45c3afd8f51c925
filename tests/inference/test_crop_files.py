"""The files of aligned faces."""

import pytest

from femb_cli.errors import FembError
from femb_cli.inference.crop_files import file_names


@pytest.mark.parametrize(
    "names, files",
    [
        (["a/1.jpg", "b/1.jpeg"], ["a/1.png", "b/1.png"]),
        (["1.jpg#1", "1.jpg#2"], ["1_1.png", "1_2.png"]),
        (["1.jpg", "1.heic", "2.jpg"], ["1.jpg.png", "1.heic.png", "2.png"]),
        (["1.jpg#1", "1.png#1"], ["1.jpg_1.png", "1.png_1.png"]),
        (["c#tag.jpg#1", "c#tag.png#1"], ["c#tag.jpg_1.png", "c#tag.png_1.png"]),
        (["1.jpg#1", "1.jpg#2#1"], ["1_1.png", "1.jpg#2_1.png"]),
        (["Mr. Smith", "Mr. Jones"], ["Mr. Smith.png", "Mr. Jones.png"]),
        (["a.jpg", "a.png/1.jpg"], ["a.jpg.png", "a.png/1.png"]),
        (["no ending", "c#.jpg", "c#3.jpg"], ["no ending.png", "c#.png", "c#3.png"]),
    ],
)
def test_crops_get_the_names_of_their_photos(names, files):
    assert file_names(names, [True] * len(names)) == files


def test_an_aligned_image_keeps_its_name():
    assert file_names(["a.jpg", "b.jpg"], [False, True]) == ["a.jpg", "b.png"]
    assert file_names(["a.png", "a.jpg"], [False, True]) == ["a.png", "a.jpg.png"]


@pytest.mark.parametrize(
    "names, are_crops",
    [
        (["a.jpg", "a.png", "a.jpg.png"], [True, True, False]),
        (["a.png/1.jpg", "a.png"], [True, False]),
    ],
)
def test_no_face_replaces_another(names, are_crops):
    with pytest.raises(FembError, match="would be written to"):
        file_names(names, are_crops)


@pytest.mark.parametrize("name", ["../a.jpg", "a/../../b.jpg", "/tmp/a.jpg", "", "a\0.jpg"])
def test_no_face_is_written_outside_of_the_folder(name):
    with pytest.raises(FembError):
        file_names([name], [False])
