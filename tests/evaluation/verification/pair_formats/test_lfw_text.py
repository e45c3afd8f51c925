"""Pair lists in LFW's text format."""

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
