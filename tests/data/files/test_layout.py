"""Identities from the layout of a folder: one folder per identity."""

import pytest

from femb_cli.data.files.layout import read_layout
from femb_cli.errors import FembError, UsageError


def people(names: list[str], person_folder: str | None = None) -> dict[str, str | None]:
    """Return the person of each image."""
    identities = read_layout(names, person_folder).identities
    return {
        name: None if label < 0 else identities.names[label]
        for name, label in zip(names, identities.labels_N.tolist(), strict=True)
    }


def test_an_identity_is_the_folder_of_the_image():
    found = read_layout(["a/1.jpg", "b/1.jpg", "b/2.jpg"])
    assert found.identities.names == ["a", "b"]
    assert found.identities.labels_N.tolist() == [0, 1, 1]
    assert found.guess == ""


def test_folders_that_all_images_share_are_no_identities():
    found = read_layout(["release/v1/a/1.jpg", "release/v1/b/1.jpg"])
    assert (found.identities.names, found.guess) == (["a", "b"], "")


def test_a_single_folder_is_an_identity():
    assert read_layout(["a/1.jpg", "a/2.jpg"]).identities.names == ["a"]


def test_below_folders_of_groups_people_are_the_folders_that_hold_the_images_and_that_is_said():
    found = read_layout(["0/0_0_0/0_0.jpg", "0/0_1_0/0_2.jpg", "1/1_0_0/1_0.jpg"])
    assert found.identities.names == ["0_0_0", "0_1_0", "1_0_0"]
    assert "3 names of folders at level 2, such as 0/0_0_0" in found.guess
    assert "--person-folder 1 takes level 1 instead, such as 0" in found.guess


@pytest.mark.parametrize("parts", [("train", "val"), ("Train_Set", "test-images"), ("gallery", "probe")])
def test_a_name_in_several_parts_of_a_dataset_is_one_person_and_that_is_said(parts):
    names = [f"{part}/{person}/1.jpg" for part in parts for person in ("ada", "bob")]
    assert set(people(names).values()) == {"ada", "bob"}
    guess = read_layout(names).guess
    assert "is the same person (--person-folder 1/2 tells them apart)" in guess
    assert "instead" not in guess
    assert people([f"{part}/ada/1.jpg" for part in parts]).keys() == {f"{part}/ada/1.jpg" for part in parts}


def test_a_folder_of_the_same_name_below_each_person_is_no_person():
    assert people(["ada/face/1.jpg", "bob/face/1.jpg"]) == {"ada/face/1.jpg": "ada", "bob/face/1.jpg": "bob"}
    assert "at level 1, such as ada" in read_layout(["ada/face/1.jpg", "bob/face/1.jpg"]).guess


@pytest.mark.parametrize(
    ("names", "problem", "hint"),
    [
        (["1.jpg", "2.jpg"], "'1.jpg' is not in an identity's folder", ""),
        (["1.jpg", "a/1.jpg"], "'1.jpg' is not in an identity's folder", "--person-folder 1"),
        (["a/day1/1.jpg", "a/day2/1.jpg", "b/1.jpg"], "different depths, in 'b' and in 'a/day1'", "--person-folder -1"),
        (
            ["african/john/1.jpg", "asian/john/1.jpg", "asian/mary/1.jpg"],
            "such as african/john and asian/john",
            "--person-folder 1/2",
        ),
        (["a/day1/1.jpg", "a/day2/1.jpg", "b/day1/1.jpg"], "1 of 2 names of folders", "--person-folder 1 takes"),
        (["train/1.jpg", "val/2.jpg"], "train, val are parts of a dataset", "--person-folder 1"),
        (["val_kilmer/day1/1.jpg", "dev_patel/day1/2.jpg", "ada/x/1.jpg"], "several times", "--person-folder 1 "),
    ],
)
def test_an_unclear_layout_has_no_identities_and_names_the_option_that_settles_it(names, problem, hint):
    found = read_layout(names)
    assert found.identities is None
    assert problem in found.problem
    assert hint in found.hint


NAMES = ["asian/john/x/1.jpg", "african/john/2.jpg", "3.jpg"]


@pytest.mark.parametrize(
    ("level", "found"),
    [
        ("1", ["asian", "african", None]),
        ("2", ["john", "john", None]),
        ("1/2", ["asian/john", "african/john", None]),
        ("-1", ["x", "john", None]),
        ("3", ["x", None, None]),
    ],
)
def test_the_user_says_which_level_of_folders_is_the_person(level, found):
    assert list(people(NAMES, level).values()) == found


def test_a_level_that_is_none_or_that_no_image_has_is_refused():
    for level in ("0", "one", "1/", "1.5"):
        with pytest.raises(UsageError, match="is not a level of folders"):
            read_layout(NAMES, level)
    with pytest.raises(FembError, match="no image has a folder of level 4: the deepest lies in asian/john/x"):
        read_layout(NAMES, "4")


def test_identities_are_sorted_by_code_point():
    assert read_layout(["b/1.jpg", "\u00e9/1.jpg", "B/1.jpg", "10/1.jpg", "9/1.jpg"]).identities.names == [
        *("10", "9", "B", "b", "\u00e9"),
    ]
