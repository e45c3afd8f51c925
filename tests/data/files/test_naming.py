"""Which names end as images do, and which are skipped or refused."""

import pytest

from femb_cli.data.files.naming import check_text, ending_of, has_image_ending, is_hidden
from femb_cli.errors import FembError


@pytest.mark.parametrize(
    "name", ["a.jpg", "A.JPEG", "x/y.z/b.Png", "é.webp", "a b.tiff", "1.2.bmp", "a.HEIC", "a.jfif"]
)
def test_an_image_is_known_by_its_ending(name):
    assert has_image_ending(name)


@pytest.mark.parametrize("name", ["jpg", "a.jpg.txt", "a.mp4", "a", "x/.jpg", "a.jpg "])
def test_other_endings_are_no_images(name):
    assert not has_image_ending(name)


def test_an_ending_is_short_and_one_word():
    names = ["a.JPG", "a.tar.gz", "a", ".bashrc", "Mr. Smith", "Dr. No, at sea", "a." + "x" * 13, "a.\x07"]
    assert [ending_of(name) for name in names] == [".JPG", ".gz", "", "", "", "", "", ""]


def test_hidden_names_are_those_that_systems_hide():
    assert all(map(is_hidden, [".DS_Store", "._a.jpg", "Thumbs.db", "desktop.ini", "__MACOSX"]))
    assert not any(map(is_hidden, ["a", "thumbs", "MACOSX", "a.b"]))


@pytest.mark.parametrize("name", ["a\nb", "a\0b", "a\x1bb", "a\x85b", "a\ud800b"])
def test_a_name_that_is_not_one_line_of_text_is_refused(name):
    check_text("Zoë 1.jpg", "faces.zip")
    with pytest.raises(FembError, match="in faces.zip has control characters or is not valid Unicode"):
        check_text(name, "faces.zip")
