"""What a report can say beyond metrics."""

import numpy as np
import pytest

from femb_cli.evaluation.report.extras import gather_extras
from femb_cli.evaluation.verification.pair_file import read_pairs


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.csv"
    rows = ["a/1,a/2,1,day", "a/1,b/1,0,day", "b/1,b/2,1,night", "b/2,c/1,0,night"]
    path.write_text("\n".join(["ref,probe,mated,light", *rows]))
    return read_pairs(path)


SCORES = np.array([0.4, 0.5, 0.9, 0.1])


def test_nothing_known_leaves_the_groups_of_the_list(pairs):
    extras = gather_extras(SCORES, pairs, fmr=0.5)
    assert [comparison.grouping for comparison in extras.groups] == ["light"]
    assert [group.fnmr for group in extras.groups[0].groups] == [0.0, 0.0]
    assert extras.discard is None
    assert (extras.intervals, extras.hardest, extras.card) == ({}, [], {})


def test_quality_gives_a_curve_and_groups(pairs):
    extras = gather_extras(SCORES, pairs, quality_N=np.array([1.0, 2.0, 3.0, 4.0]), quality="sharpness", fmr=0.0)
    assert [comparison.grouping for comparison in extras.groups] == ["light", "sharpness"]
    assert extras.discard.fnmr_T[[0, -1]].tolist() == [0.5, 0.0]


def test_pictures_are_of_the_hardest_pairs_genuine_ones_first(pairs):
    def picture(name):
        return np.full((2, 2, 3), ord(name[0]), dtype=np.uint8)

    hardest = gather_extras(SCORES, pairs, picture=picture).hardest
    assert [(pair.left, pair.right, pair.score) for pair in hardest] == [
        ("a/1", "a/2", 0.4),
        ("b/1", "b/2", 0.9),
        ("a/1", "b/1", 0.5),
        ("b/2", "c/1", 0.1),
    ]
    assert [pair.genuine for pair in hardest] == [True, True, False, False]
    assert hardest[2].right_HW3[0, 0, 0] == ord("b")
