"""Scores that another program gave to the pairs of a list."""

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.score_files.of_pairs import read_scores_of_pairs

PAIRS = "ref,probe,mated,ref_sex,probe_sex\na/1.jpg,a/2.jpg,1,f,f\na/1.jpg,b/1.jpg,0,f,m\nb/1.jpg,a/2.jpg,0,m,f\n"


@pytest.fixture
def read(tmp_path):
    (tmp_path / "pairs.csv").write_text(PAIRS)

    def of(scores, **options):
        (tmp_path / "s.csv").write_text(scores)
        return read_scores_of_pairs(read_pairs(tmp_path / "pairs.csv"), tmp_path / "s.csv", **options)

    return of


def test_each_pair_gets_its_score_and_keeps_what_the_list_says(read):
    found = read(
        "img1,img2,score\nx/b/1.png,x/a/2.png,0.3\nx/a/1.png,x/a/2.png,0.9\nx/a/1.png,x/b/1.png,0.1\n", model="v"
    )
    assert found.scored.scores_N.tolist() == [0.9, 0.1, 0.3]
    assert found.scored.genuine_N.tolist() == [True, False, False]
    assert (found.scored.model, found.scored.benchmark, found.scored.protocol) == ("v", "pairs.csv", "exact")
    assert list(found.scored.pairs.groups["sex"]) == ["f", "f × m", "f × m"]


def test_a_score_of_the_other_order_counts_only_where_there_is_none_of_this_order(read):
    scores = "img1,img2,score\na/2.jpg,a/1.jpg,0.8\na/1.jpg,b/1.jpg,0.1\nb/1.jpg,a/1.jpg,0.2\na/2.jpg,b/1.jpg,0.3\n"
    found = read(scores)
    assert found.scored.scores_N.tolist() == [0.8, 0.1, 0.3]
    assert "s.csv: 1 of 4 scores are of other pairs, and not used" in found.notes


def test_distances_change_their_sign(read):
    found = read("img1,img2,distance\na/1.jpg,a/2.jpg,3\na/1.jpg,b/1.jpg,7\nb/1.jpg,a/2.jpg,8\n", are_distances=True)
    assert found.scored.scores_N.tolist() == [-3, -7, -8]


def test_pairs_without_a_score_are_an_error_unless_they_may_be_left_out(read):
    scores = "img1,img2,score\na/1.jpg,a/2.jpg,0.9\na/1.jpg,b/1.jpg,0.1\n"
    with pytest.raises(FembError, match=r"line 4: .*s\.csv has no score of b/1.jpg and a/2.jpg \(1 of 3 pairs have"):
        read(scores)
    with pytest.raises(FembError, match="1 of 3 pairs have none"):
        read(scores + "b/1.jpg,a/2.jpg,nan\n")
    found = read(scores, allow_missing=True).scored
    np.testing.assert_array_equal(found.scores_N, [0.9, 0.1])
    assert found.num_missing == 1


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ("score\n0.1\n0.2\n0.3\n", "does not name the images"),
        ("img1,img2,score\na/1.jpg,a/2.jpg,0.9\na/1.jpg,a/2.jpg,0.8\n", "two scores of a/1.jpg and a/2.jpg: 0.9 and"),
        ("img1,img2,mated,score\na/1.jpg,a/2.jpg,0,0.9\n", "line 2: .* show one person, but two people by .*s.csv"),
        (
            "img1,img2,score\nc/1.jpg,d/2.jpg,0.9\n",
            "no score of any pair of .*: its first is of c/1.jpg and d/2.jpg",
        ),
    ],
)
def test_what_cannot_be_the_scores_of_the_list_is_refused(read, scores, words):
    with pytest.raises(FembError, match=words):
        read(scores, allow_missing=True)


def test_a_pair_that_is_listed_twice_with_one_score_has_it(read):
    scores = "img1,img2,score\na/1.jpg,a/2.jpg,0.9\na/1.jpg,a/2.jpg,0.9\na/1.jpg,b/1.jpg,0.1\nb/1.jpg,a/2.jpg,0.3\n"
    found = read(scores)
    assert found.scored.scores_N.tolist() == [0.9, 0.1, 0.3]
    assert "other pairs" not in " ".join(found.notes)
