"""Identities from the layout of a folder: one folder per identity."""

import pytest

from femb_cli.data.files.layout import first_outside_layout, identities_from_layout


def test_an_identity_is_the_folder_of_the_image():
    identities = identities_from_layout(["a/1.jpg", "b/1.jpg", "b/2.jpg"])
    assert identities.names == ["a", "b"]
    assert identities.labels_N.tolist() == [0, 1, 1]


def test_folders_that_all_images_share_are_no_identities():
    assert identities_from_layout(["release/v1/a/1.jpg", "release/v1/b/1.jpg"]).names == ["a", "b"]


def test_a_single_folder_is_an_identity():
    assert identities_from_layout(["a/1.jpg", "a/2.jpg"]).names == ["a"]


@pytest.mark.parametrize(
    ("names", "outside"),
    [
        (["1.jpg", "2.jpg"], "1.jpg"),
        (["1.jpg", "a/1.jpg"], "1.jpg"),
        (["a/day1/1.jpg", "a/day2/1.jpg", "b/1.jpg"], "a/day1/1.jpg"),
    ],
)
def test_flat_loose_and_deep_layouts_have_no_identities(names, outside):
    assert identities_from_layout(names) is None
    assert first_outside_layout(names) == outside


def test_identities_are_sorted_by_code_point():
    assert identities_from_layout(["b/1.jpg", "\u00e9/1.jpg", "B/1.jpg", "10/1.jpg", "9/1.jpg"]).names == [
        *("10", "9", "B", "b", "\u00e9"),
    ]
