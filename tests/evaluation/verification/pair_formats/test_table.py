"""Pair lists as tables."""

import numpy as np
import pytest
from pair_files import CSV, FOLDS, write_pair_file

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.pair_formats.columns import ColumnChoice


def test_csv_rows_become_pairs(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, CSV))
    assert pairs.left == ("a/1.jpg", "a/1.jpg", "b/1.jpg", "b/2.jpg")
    assert pairs.right == ("a/2.jpg", "b/1.jpg", "b/2.jpg", "c/1.jpg")
    assert pairs.genuine_N.tolist() == [True, False, True, False]
    assert pairs.lines_N.tolist() == [2, 3, 4, 5]


def test_csv_may_say_the_folds(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, FOLDS))
    assert pairs.folds_N.tolist() == [2, 0, 1, 0]
    assert pairs.folds_N.dtype == np.uint8
    assert pairs.num_folds == 3


def test_csv_may_hold_other_columns_in_any_order_and_quotes(tmp_path):
    pairs = read_pairs(
        write_pair_file(tmp_path, ['"Mated",note,"ref","probe"', '1,x,"a/1, new.jpg",.\\a\\2.jpg'], end="\r\n")
    )
    assert (pairs.left, pairs.right) == (("a/1, new.jpg",), ("a/2.jpg",))


def test_the_two_column_lists_of_face_embeddings_have_no_header_and_no_flags(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, ["set/a/1.jpg;set/a/2.jpg", "set/a/1.jpg;set/b/1.jpg"]))
    assert (pairs.left, pairs.right) == (("set/a/1.jpg",) * 2, ("set/a/2.jpg", "set/b/1.jpg"))
    assert pairs.genuine_N.tolist() == [True, False]
    assert pairs.lines_N.tolist() == [1, 2]


def test_a_list_of_two_columns_has_no_labels_if_an_image_has_no_folder_or_the_user_says_so(tmp_path):
    assert not read_pairs(write_pair_file(tmp_path, ["1.jpg;2.jpg"])).is_labelled
    path = write_pair_file(tmp_path, ["a/1.jpg,a/2.jpg", "a/1.jpg,b/1.jpg"])
    assert "where both are in one folder" in read_pairs(path).note
    assert read_pairs(path).genuine_N.tolist() == [True, False]
    assert not read_pairs(path, None, ColumnChoice.parse("mated=")).is_labelled


def test_a_third_column_without_a_header_is_the_flag(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, ["1.jpg;2.jpg;1", "1.jpg; 3.jpg ;false"]))
    assert pairs.genuine_N.tolist() == [True, False]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_header_row_shows_what_separates_the_columns(tmp_path, delimiter):
    plain = read_pairs(write_pair_file(tmp_path, CSV))
    other = read_pairs(write_pair_file(tmp_path, [line.replace(",", delimiter) for line in CSV]))
    assert (other.left, other.right, other.lines_N.tolist()) == (plain.left, plain.right, plain.lines_N.tolist())


def test_further_columns_become_groups(tmp_path):
    lines = ["ref,probe,mated,Light,ref_sex,probe_sex,score"]
    lines += [f"a/1.jpg,b/{n}.jpg,0,{'day' if n % 2 else ''},{'f' if n < 20 else 'm'},m,0.{n:04d}" for n in range(40)]
    groups = read_pairs(write_pair_file(tmp_path, lines)).groups
    assert groups == {"light": ("not stated", "day") * 20, "sex": ("f × m",) * 20 + ("m",) * 20}


def test_a_column_for_one_side_only_groups_the_pairs_by_that_side(tmp_path):
    lines = ["ref,probe,mated,probe_pose", "a/1,a/2,1,front", "a/1,b/1,0,side"]
    assert read_pairs(write_pair_file(tmp_path, lines)).groups == {"probe_pose": ("front", "side")}


def test_the_images_values_join_to_the_group_of_the_pair(tmp_path):
    lines = ["ref,probe,mated,ref_sex,probe_sex", "a/1,a/2,1,f,f", "a/1,b/1,0,m,f", "a/1,c/1,0,f,m", "b/1,b/2,1,m,m"]
    assert read_pairs(write_pair_file(tmp_path, lines)).groups == {"sex": ("f", "f × m", "f × m", "m")}


def test_stated_subjects_say_which_pairs_are_genuine(tmp_path):
    pairs = read_pairs(
        write_pair_file(tmp_path, ["ref,probe,ref_subject,probe_subject", "1.jpg,2.jpg,Ann,Ann", "1,3,Ann,Bo"])
    )
    assert pairs.genuine_N.tolist() == [True, False]
    assert pairs.subjects() == (("Ann", "Ann"), ("Ann", "Bo"))


@pytest.mark.parametrize(
    ("lines", "line", "what"),
    [
        (["a/1.jpg;a/2.jpg", "a/1.jpg"], 2, "expected 2 columns, found 1"),
        (["ref,probe,mated,ref_subject", "1,2,1,Ann"], 1, "`ref_subject` without its counterpart"),
        (["ref,probe,ref_subject,probe_subject", "1,2,Ann,"], 2, "a subject is not stated"),
        (["ref,probe,mated,ref_subject,probe_subject", "1,2,1,Ann,Bo"], 2, "`mated` is 1, but .* Ann and Bo"),
    ],
)
def test_a_damaged_table_is_refused_with_its_line(tmp_path, lines, line, what):
    path = write_pair_file(tmp_path, lines)
    with pytest.raises(FembError, match=what) as refused:
        read_pairs(path)
    assert refused.value.message.startswith(f"{path}, line {line}: ")
