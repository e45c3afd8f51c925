"""The end of a list of scores: counts are exact at the stored ranks, and bounded between them."""

import numpy as np
import pytest

from femb_cli.evaluation.metrics.score_tail import ScoreTail


@pytest.fixture
def scores():
    return np.random.default_rng(0).normal(size=2345).round(6)


@pytest.mark.parametrize("end", ["highest", "lowest"])
def test_counts_contain_the_true_number_everywhere(scores, end):
    tail = ScoreTail.of(scores, end)
    for score in [*scores, *np.linspace(-5, 5, 101)]:
        true = int((scores >= score).sum() if end == "highest" else (scores <= score).sum())
        fewest, most = tail.count(float(score))
        assert fewest <= true <= most
        assert most <= max(2 * fewest, 1) or most == tail.num_scores


def test_counts_are_exact_at_the_stored_ranks_and_beyond_the_ends(scores):
    tail = ScoreTail.of(scores, "highest")
    ascending = np.sort(scores)
    assert tail.count(ascending[-1]) == (1, 1)
    assert tail.count(ascending[-3]) == (3, 4)
    assert tail.count(ascending[-1] + 1e-6) == (0, 0)
    assert tail.count(ascending[0]) == (2345, 2345)


def test_equal_scores_count_together():
    assert ScoreTail.of([0.5] * 40, "highest").count(0.5) == (40, 40)
    assert ScoreTail.of([0.5] * 40, "highest").count(0.51) == (0, 0)


@pytest.mark.parametrize("number", [1, 2, 3, 10, 11, 100, 999])
def test_the_last_rank_is_the_number_of_scores(number):
    tail = ScoreTail.of(np.arange(number), "lowest")
    assert tail.num_scores == number
    assert list(tail.ranks) == sorted(set(tail.ranks))
    assert tail.scores == tuple(float(rank - 1) for rank in tail.ranks)


def test_millions_of_scores_become_a_few_dozen_numbers():
    assert len(ScoreTail.of(np.zeros(10**6, np.float32), "highest").ranks) < 40


@pytest.mark.parametrize(
    ("ranks", "scores"), [((), ()), ((2,), (0.5,)), ((1, 1), (0.5, 0.5)), ((1, 2), (0.5, 0.6)), ((1, 2), (0.5,))]
)
def test_numbers_that_are_no_tail_are_refused(ranks, scores):
    with pytest.raises(ValueError, match="not those of a sorted list"):
        ScoreTail("highest", ranks, scores)
