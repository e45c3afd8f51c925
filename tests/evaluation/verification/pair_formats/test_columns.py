"""Which column is what: everyday names, lists without a header row, what the user says."""

import pytest
from pair_files import write_pair_file

from femb_cli.errors import FembError, UsageError
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.pair_formats.columns import ColumnChoice

PAIRS = [("a/1.jpg", "a/2.jpg", 1), ("a/1.jpg", "b/1.jpg", 0), ("b/1.jpg", "b/2.jpg", 1), ("b/2.jpg", "c/1.jpg", 0)]


def rows(separator=",", flags=("0", "1"), order=(0, 1, 2)):
    return [separator.join([left, right, flags[same]][place] for place in order) for left, right, same in PAIRS]


@pytest.mark.parametrize(
    "lines",
    [
        ["img1,img2,label", *rows()],
        ["p1;p2;same", *rows(";", ("FALSE", "TRUE"))],
        ["image_a\timage_b\tis_same", *rows("\t", ("0.0", "1.0"))],
        ["file1 file2 match", *rows(" ", ("-1", "1"))],
        ["imgA,imgB,target", *rows()],
        ["left|right|genuine", *rows("|")],
        ["label,img1_path,img2_path", *rows(order=(2, 0, 1))],
        ["image_1_path,label,image_2_path", *rows(order=(0, 2, 1))],
        ["Image 1, Image 2, Same person", *rows(", ", ("No", "Yes"))],
        ["img1,img2,different", *rows(flags=("1", "0"))],
        ["img1,img2,unheard of", *rows()],
        [",img1,img2,label", *(f"{number},{row}" for number, row in enumerate(rows()))],
        ["# img1 img2 label", *rows(" ")],
        rows(),
        rows("   "),
        rows("\t", ("-1", "1")),
        rows(" ", order=(2, 0, 1)),
        rows(" ; ", order=(0, 2, 1)),
        rows(",", ("diff", "same")),
        rows(" ", ("impostor", "genuine")),
        [row.replace("/", "\\") for row in rows()],
    ],
    ids=lambda lines: lines[0],
)
def test_everyday_lists_are_read_and_what_was_guessed_is_said(tmp_path, lines):
    pairs = read_pairs(write_pair_file(tmp_path, lines))
    assert list(zip(pairs.left, pairs.right, pairs.genuine_N.tolist(), strict=True)) == PAIRS
    assert pairs.note.startswith("the images are ")
    assert "--columns" in pairs.note


def test_nothing_is_said_of_femb_own_columns(tmp_path):
    assert read_pairs(write_pair_file(tmp_path, ["ref,probe,mated", *rows()])).note == ""


def test_people_folds_from_one_on_and_groups_are_found_by_their_names_and_scores_are_none(tmp_path):
    lines = ["fold,p1,p2,label,id1,id2,att1,att2,net"]
    lines += ["1,a/1.jpg,a/2.jpg,1,0,0,F,F,0.75", "2,a/1.jpg,b/1.jpg,0,0,1,F,M,0.15"]
    pairs = read_pairs(write_pair_file(tmp_path, lines))
    assert pairs.folds_N.tolist() == [0, 1]
    assert pairs.stated_subjects == (("0", "0"), ("0", "1"))
    assert pairs.groups == {"att": ("F", "F × M")}
    assert "not used: net" in pairs.note


def test_people_that_do_not_fit_the_flags_are_not_used_and_that_is_said(tmp_path):
    lines = ["img1,img2,label,id1,id2", "a/1.jpg,a/2.jpg,1,0,0", "a/1.jpg,b/1.jpg,0,7,7"]
    pairs = read_pairs(write_pair_file(tmp_path, lines))
    assert pairs.stated_subjects is None
    assert "do not fit the flags (line 3: " in pairs.note


def test_the_user_may_say_which_columns_are_meant(tmp_path):
    lines = ["img1,img2,label,other", *(f"{row},{1 - same}" for row, (*_, same) in zip(rows(), PAIRS, strict=True))]
    path = write_pair_file(tmp_path, lines)
    for text in ("mated=other", "mated=4", "impostor=label"):
        pairs = read_pairs(path, None, ColumnChoice.parse(text))
        assert pairs.genuine_N.tolist() == [False, True, False, True], text
    assert read_pairs(path, None, ColumnChoice.parse("ref=img2,probe=img1")).left[0] == "a/2.jpg"
    assert not read_pairs(path, None, ColumnChoice.parse("mated=")).is_labelled


@pytest.mark.parametrize("text", ["ref", "who=img1", "ref=a,ref=b", ""])
def test_a_choice_that_cannot_be_understood_is_refused(text):
    with pytest.raises(UsageError, match="expected ROLE=COLUMN"):
        ColumnChoice.parse(text)


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(FembError, match="mated=smae: there is no such column") as refused:
        read_pairs(write_pair_file(tmp_path, ["img1,img2,same", *rows()]), None, ColumnChoice.parse("mated=smae"))
    assert "img1, img2, same" in (refused.value.hint or "")


def test_zero_and_minus_one_in_one_column_are_refused(tmp_path):
    with pytest.raises(FembError, match="is 0 in some lines and -1 in others"):
        read_pairs(write_pair_file(tmp_path, ["img1,img2,label", *rows(), "a/1.jpg,c/1.jpg,-1"]))


def test_a_list_without_a_flag_has_no_labels(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, ["img1,img2", *(f"{left},{right}" for left, right, _ in PAIRS)]))
    assert not pairs.is_labelled


def test_absolute_paths_below_the_images_become_relative_and_others_are_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "images").symlink_to("real")
    for folder in ("real", "images"):
        lines = [f"{tmp_path}/{folder}/{left} {tmp_path}/{folder}/{right} {same}" for left, right, same in PAIRS]
        pairs = read_pairs(write_pair_file(tmp_path, lines), tmp_path / "images")
        assert pairs.left == tuple(left for left, _, _ in PAIRS)
    for other in ("/etc/passwd", f"{tmp_path}/real/../secret.jpg", "C:\\a.jpg"):
        with pytest.raises(FembError, match="is not a path inside the images' folder"):
            read_pairs(write_pair_file(tmp_path, ["img1,img2,label", f"{other},a/2.jpg,1"]), tmp_path / "real")
