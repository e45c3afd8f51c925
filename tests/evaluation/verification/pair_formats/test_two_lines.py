"""Pairs of two lines each, as CALFW's and CPLFW's own lists have them."""

import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_file import read_pairs

LINES = ["Ann_1.jpg 1", "Ann_2.jpg 1", "Ann_1.jpg 0", "Bob Jr_1.jpg 0", "Bob Jr_1.jpg 10", "Bob Jr_2.jpg 10"]


def written(tmp_path, lines):
    path = tmp_path / "pairs_CPLFW.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_two_lines_are_a_pair_and_the_label_0_is_an_impostor_pair(tmp_path):
    pairs = read_pairs(written(tmp_path, LINES))
    assert pairs.left == ["Ann_1.jpg", "Ann_1.jpg", "Bob Jr_1.jpg"]
    assert pairs.right == ["Ann_2.jpg", "Bob Jr_1.jpg", "Bob Jr_2.jpg"]
    assert pairs.genuine_N.tolist() == [True, False, True]
    assert pairs.lines_N.tolist() == [1, 3, 5]
    assert "pairs of two lines" in pairs.note


@pytest.mark.parametrize(
    ("number", "line", "problem"),
    [
        (23, "Bob_1.jpg 0", "line 24: the label is 1, and 0 on the pair's first line"),
        (24, "Bob_1.jpg", "line 24: expected `image label`, the label from 0 to 10, found 'Bob_1.jpg'"),
        (24, "Bob_1.jpg 17", "line 24: expected `image label`"),
        (25, "Ann_1.jpg 1", "line 25: the second image of the last pair is missing"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, number, line, problem):
    lines = LINES[:2] * 12
    lines[number - 1 :] = [line, *lines[number:]]
    with pytest.raises(FembError, match=problem):
        read_pairs(written(tmp_path, lines))


@pytest.mark.parametrize("lines", [["Ann_1.jpg 17", "Ann_2.jpg 17"], ["0.25 1", "0.75 1"], ["Ann_1.jpg 1", "B.jpg 0"]])
def test_lists_of_people_and_scores_are_not_taken_for_pairs(tmp_path, lines):
    with pytest.raises(FembError):
        read_pairs(written(tmp_path, lines * 2))
