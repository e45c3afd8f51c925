"""Images that are there more than once."""

import numpy as np

from femb_cli.errors import FembError
from femb_cli.search.duplicates import duplicates

ROWS = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.001], [1.0, 0.0], [0.001, 1.0]])


def test_equal_files_are_told_from_similar_pictures():
    files = [b"one", b"two", b"one saved anew", b"one", b"two saved anew"]
    found = duplicates(ROWS, files.__getitem__)
    assert found.near == [[0, 2, 3], [1, 4]]
    assert found.exact == [[0, 3]]


def test_without_images_nothing_is_known_about_files():
    found = duplicates(ROWS)
    assert (len(found.near), found.exact) == (2, None)


def test_an_image_that_cannot_be_read_equals_none():
    def read(row):
        raise FembError("gone")

    assert duplicates(ROWS, read).exact == []


def test_different_faces_are_no_duplicates():
    assert duplicates(np.eye(4)).near == []
