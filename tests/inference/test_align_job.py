"""The files of aligned faces."""

import pytest

from femb_cli.inference.align_job import file_names


@pytest.mark.parametrize(
    "names, files",
    [
        (["a/1.jpg", "b/1.jpeg"], ["a/1.png", "b/1.png"]),
        (["1.jpg#1", "1.jpg#2"], ["1_1.png", "1_2.png"]),
        (["1.jpg", "1.heic", "2.jpg"], ["1.jpg.png", "1.heic.png", "2.png"]),
        (["1.jpg#1", "1.png#1"], ["1.jpg_1.png", "1.png_1.png"]),
        (["no ending", "c#.jpg", "c#3.jpg"], ["no ending.png", "c#.png", "c#3.png"]),
    ],
)
def test_crops_get_the_names_of_their_photos(names, files):
    assert file_names(names, [True] * len(names)) == files


def test_an_aligned_image_keeps_its_name():
    assert file_names(["a.jpg", "b.jpg"], [False, True]) == ["a.jpg", "b.png"]
    assert file_names(["a.png", "a.jpg"], [False, True]) == ["a.png", "a.jpg.png"]
