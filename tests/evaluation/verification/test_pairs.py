"""Finding the images of pairs, and who they show."""

import unicodedata

import numpy as np
import pytest
from pair_files import CSV, LFW, write_pair_file

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.pairs import distinct_places


def test_names_are_unique_and_sorted(tmp_path):
    assert read_pairs(write_pair_file(tmp_path, CSV)).names() == ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg", "c/1.jpg"]


@pytest.mark.parametrize("template", ["{}/{}.jpg", "lfw_aligned_112/{}/{}.jpg", "x\\y\\{}\\{}.PNG", "./{}/{}"])
def test_images_are_found_under_any_folder_and_with_any_ending(tmp_path, template):
    pairs = read_pairs(write_pair_file(tmp_path, LFW))
    stems = [name.removesuffix(".jpg").split("/") for name in pairs.names()][::-1]
    names = ["Zoe/Zoe_0001.jpg", *(template.format(*stem) for stem in stems)]
    left, right = pairs.indices(names)
    assert [template.format(*name.removesuffix(".jpg").split("/")) for name in pairs.left] == [names[i] for i in left]
    assert [template.format(*name.removesuffix(".jpg").split("/")) for name in pairs.right] == [names[i] for i in right]
    assert left.dtype == right.dtype == np.int32


def test_a_full_stop_in_a_name_is_not_a_file_ending(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, ["1", "J._Fox\t1\t2", "J._Fox\t1\tAl\t1"]))
    left, right = pairs.indices(["J._Fox/J._Fox_0002", "J._Fox/J._Fox_0001", "Al/Al_0001"])
    assert (left.tolist(), right.tolist()) == ([1, 1], [0, 2])


def test_missing_images_are_named_and_counted(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, LFW))
    names = [name for name in pairs.names() if not name.startswith("Bob")]
    with pytest.raises(FembError, match=r"line 3: no image 'Bob/Bob_0003.jpg' \(4 of 10 images are missing\)"):
        pairs.indices(names)


def test_a_photo_with_rows_of_faces_asks_for_one_of_them(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, CSV))
    names = [f"photos/{name}#{number}" for name in pairs.names() for number in (1, 2)]
    with pytest.raises(FembError, match="no image 'a/1.jpg'") as refused:
        pairs.indices(names)
    assert refused.value.hint == (
        "there are rows of single faces: name a face of this photo, 'photos/a/1.jpg#1' to 'photos/a/1.jpg#2'"
    )


def test_a_row_of_a_face_is_found_by_its_number(tmp_path):
    lines = [line.replace(".jpg", ".jpg#2") for line in CSV]
    names = [f"{name}#{number}" for name in read_pairs(write_pair_file(tmp_path, CSV)).names() for number in (1, 2)]
    left, right = read_pairs(write_pair_file(tmp_path, lines)).indices(names)
    assert {names[place][-2:] for place in (*left, *right)} == {"#2"}


@pytest.mark.parametrize("second", ["old/a/1.jpg", "a/1.png", "a/1.jpg"])
def test_two_images_for_one_name_are_ambiguous(tmp_path, second):
    pairs = read_pairs(write_pair_file(tmp_path, CSV))
    with pytest.raises(FembError, match=r"line 2: cannot tell which image is 'a/1\.jpg'"):
        pairs.indices([*pairs.names(), second])


def test_longer_paths_are_told_apart_by_all_of_their_parts(tmp_path):
    pairs = read_pairs(
        write_pair_file(tmp_path, [CSV[0], "x/day1/1.jpg,x/day2/1.jpg,1", "x/day1/1.jpg,y/day1/1.jpg,0"])
    )
    left, right = pairs.indices(["set/y/day1/1.png", "set/x/day1/1.png", "set/x/day2/1.png"])
    assert (left.tolist(), right.tolist()) == ([1, 1], [2, 0])


def test_two_names_never_stand_for_one_image(tmp_path):
    pairs = read_pairs(
        write_pair_file(tmp_path, [CSV[0], "x/day1/1.jpg,x/day2/1.jpg,1", "x/day1/1.jpg,y/day1/1.jpg,0"])
    )
    with pytest.raises(FembError, match=r"cannot tell which image is 'x/day1/1\.jpg'"):
        pairs.indices(["x/day1/1.jpg", "x/day2/1.jpg"])


def test_images_named_without_a_folder_are_found(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, [CSV[0], "1.jpg,2.jpg,1", "1.jpg,3.jpg,0"]))
    left, right = pairs.indices(["faces/3.jpg", "faces/1.jpg", "faces/2.jpg"])
    assert (left.tolist(), right.tolist()) == ([1, 1], [2, 0])


def test_subjects_are_the_folders_that_genuine_pairs_share_and_impostor_pairs_do_not(tmp_path):
    lines = [CSV[0], "set/a/day1/1.jpg,set/a/day2/1.jpg,1", "set/a/day1/1.jpg,set/b/day1/1.jpg,0"]
    assert read_pairs(write_pair_file(tmp_path, lines)).subjects() == (("set/a", "set/a"), ("set/a", "set/b"))
    assert read_pairs(write_pair_file(tmp_path, LFW)).subjects()[1][:4] == ("Ann", "Bob", "Bob", "Cy")


@pytest.mark.parametrize(
    "rows", [["1.jpg,2.jpg,1", "1.jpg,3.jpg,0"], ["all/1.jpg,all/2.jpg,1", "all/1.jpg,all/3.jpg,0"]]
)
def test_images_in_one_folder_do_not_tell_their_subjects(tmp_path, rows):
    assert read_pairs(write_pair_file(tmp_path, [CSV[0], *rows])).subjects() is None


def test_official_lists_tell_their_subjects(shared):
    left, right = read_pairs(shared / "data" / "protocols" / "xqlfw_pairs.txt").subjects()
    assert (left[0], right[0]) == ("Marcelo_Ebrard", "Marcelo_Ebrard")


@pytest.mark.parametrize(
    "names, places",
    [
        (["a/1.jpg", "a/2.jpg", "b/1.jpg"], [0, 1, 2]),
        (["a/1.jpg", "a/1.png", "b/1.jpg"], [2]),
        (["x/a/1.jpg", "y/a/1.jpg", "y/a/2.jpg"], [2]),
        (["1", "2", "x/1"], [1]),
        ([], []),
    ],
)
def test_names_that_may_be_mistaken_for_others_are_not_distinct(names, places):
    assert distinct_places(names) == places


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_images_are_found_in_any_unicode_form(tmp_path, form):
    lines = [CSV[0], "Zo\u00eb/1.jpg,Zo\u00eb/2.jpg,1", "Zo\u00eb/1.jpg,Ann/1.jpg,0"]
    pairs = read_pairs(write_pair_file(tmp_path, [unicodedata.normalize(form, line) for line in lines]))
    for other in ("NFC", "NFD"):
        names = [unicodedata.normalize(other, name) for name in ("Ann/1.png", "x/Zo\u00eb/2.png", "x/Zo\u00eb/1.png")]
        left, right = pairs.indices(names)
        assert (left.tolist(), right.tolist()) == ([2, 2], [1, 0])


def test_images_that_differ_in_their_unicode_form_only_are_matched_as_written(tmp_path):
    composed, decomposed = "Zo\u00eb/1.jpg", "Zoe\u0308/1.jpg"
    pairs = read_pairs(write_pair_file(tmp_path, [CSV[0], f"{composed},{decomposed},1", f"{decomposed},{composed},0"]))
    left, right = pairs.indices([decomposed, composed])
    assert (left.tolist(), right.tolist()) == ([1, 0], [0, 1])
    with pytest.raises(FembError, match="cannot tell which image"):
        pairs.indices([composed])
