"""Pair lists in LFW's text format."""

import pytest
from pair_files import LFW, write_pair_file

from femb_cli.evaluation.verification.pair_file import read_pairs


def test_lfw_lines_become_image_names(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, LFW))
    assert pairs.left[:3] == ("Ann/Ann_0001.jpg", "Bob/Bob_0003.jpg", "Ann/Ann_0001.jpg")
    assert pairs.right[:3] == ("Ann/Ann_0002.jpg", "Bob/Bob_0001.jpg", "Bob/Bob_0012.jpg")
    assert len(pairs) == 8


def test_lfw_lines_are_genuine_by_their_place_in_the_fold(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, LFW))
    assert pairs.genuine_N.tolist() == [True, True, False, False] * 2
    assert pairs.folds_N.tolist() == [0] * 4 + [1] * 4
    assert pairs.num_folds == 2


def test_a_name_may_hold_spaces_between_tabs(tmp_path):
    pairs = read_pairs(
        write_pair_file(tmp_path, ["2", "Ann Lee\t1\t2", "Bo\t1\t2", "Ann Lee\t1\tBo\t1", "Bo\t1\tCy\t1"])
    )
    assert pairs.left[0] == "Ann Lee/Ann Lee_0001.jpg"


@pytest.mark.parametrize(
    "lines",
    [
        ["m.0a\t1\t2", "m.0b\t3\t1", "m.0a\t1\tm.0b\t2"],
        ["m.0a 1 2", "m.0b 3 1", "m.0a 1 m.0b 2"],
        ["name,imagenum1,imagenum2,", "m.0a,1,2,", "m.0b,3,1,", "m.0a,1,m.0b,2"],
    ],
    ids=["as RFW's", "spaces", "CSV with titles"],
)
def test_lines_without_lfws_header_are_genuine_where_they_name_one_person(tmp_path, lines):
    pairs = read_pairs(write_pair_file(tmp_path, lines))
    assert pairs.left == ("m.0a/m.0a_0001.jpg", "m.0b/m.0b_0003.jpg", "m.0a/m.0a_0001.jpg")
    assert pairs.right[2] == "m.0b/m.0b_0002.jpg"
    assert pairs.genuine_N.tolist() == [True, True, False]
    assert "without a header" in pairs.note


def test_three_columns_of_numbers_whose_last_is_a_flag_are_a_table(tmp_path):
    pairs = read_pairs(write_pair_file(tmp_path, ["1 2 1", "1 3 0"]))
    assert (pairs.left, pairs.right, pairs.genuine_N.tolist()) == (("1", "1"), ("2", "3"), [True, False])
