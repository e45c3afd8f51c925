"""Checks of a list of pairs."""

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.checks import balance_warnings, pair_warnings
from femb_cli.evaluation.verification.pair_file import read_pairs

IMAGES = ["a/1.jpg", "a/2.jpg", "b/1.jpg"]


def warnings(tmp_path, *lines):
    path = tmp_path / "pairs.csv"
    path.write_text("\n".join(["ref,probe,mated", *lines]) + "\n")
    pairs = read_pairs(path)
    return pair_warnings(pairs, *pairs.indices(IMAGES))


def test_a_sound_list_gets_no_warning(tmp_path):
    assert warnings(tmp_path, "a/1.jpg,a/2.jpg,1", "a/1.jpg,b/1.jpg,0", "a/2.jpg,b/1.jpg,0") == []


@pytest.mark.parametrize("flag", [0, 1])
def test_an_image_paired_with_itself_is_refused_by_its_line(tmp_path, flag):
    lines = ["a/1.jpg,a/2.jpg,1", f"b/1.jpg,b/1.jpg,{flag}", "a/1.jpg,b/1.jpg,0"]
    with pytest.raises(FembError, match=r"line 3 \(b/1.jpg, b/1.jpg\).* paired with itself.*1 such pair of 3"):
        warnings(tmp_path, *lines)


def test_a_pair_listed_again_in_either_order_is_named(tmp_path):
    lines = ["a/1.jpg,a/2.jpg,1", "a/1.jpg,b/1.jpg,0", "a/2.jpg,a/1.jpg,1", "a/1.jpg,b/1.jpg,0"]
    (warning,) = warnings(tmp_path, *lines)
    assert "line 4 (a/2.jpg, a/1.jpg)" in warning
    assert "2 repeated pairs of 4" in warning


def test_a_pair_that_is_listed_as_both_kinds_is_refused_by_its_lines(tmp_path):
    lines = ["a/1.jpg,a/2.jpg,1", "a/1.jpg,b/1.jpg,0", "a/2.jpg,a/1.jpg,0"]
    with pytest.raises(FembError, match=r"line 4 \(a/2.jpg, a/1.jpg\): the pair is impostor, but genuine in .*line 2"):
        warnings(tmp_path, *lines)


def test_an_unbalanced_list_is_compared_with_refusing_everybody():
    (warning,) = balance_warnings("pairs.csv", np.arange(3600) < 60, 3540 / 3600)
    assert "60 genuine and 3,540 impostor pairs: refusing everybody has an accuracy of 98.33 %" in warning
    assert "is no higher than that" in warning
    (warning,) = balance_warnings("pairs.csv", np.arange(100) < 80, 0.9)
    assert "accepting everybody has an accuracy of 80.00 %" in warning


def test_a_balanced_list_is_not():
    assert balance_warnings("pairs.csv", np.arange(3) < 1, 0.9) == []
