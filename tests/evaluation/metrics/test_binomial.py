"""The Clopper-Pearson interval, against its definition by tail probabilities."""

from math import comb

import pytest

from femb_cli.evaluation.metrics.binomial import clopper_pearson
from femb_cli.evaluation.metrics.intervals import edge_interval


def at_most(errors: int, trials: int, rate: float) -> float:
    """Probability of at most that many errors."""
    return sum(comb(trials, number) * rate**number * (1 - rate) ** (trials - number) for number in range(errors + 1))


@pytest.mark.parametrize(("errors", "trials"), [(1, 10), (3, 20), (19, 20), (40, 300)])
def test_at_each_end_the_errors_seen_are_just_improbable_enough(errors, trials):
    interval = clopper_pearson(errors, trials)
    assert 1 - at_most(errors - 1, trials, interval.low) == pytest.approx(0.025)
    assert at_most(errors, trials, interval.high) == pytest.approx(0.025)


@pytest.mark.parametrize("errors", [0, 50])
def test_without_or_with_only_errors_it_is_the_interval_of_the_edge(errors):
    interval, edge = clopper_pearson(errors, 50, level=0.9), edge_interval(errors, 50, level=0.9)
    assert (interval.low, interval.high) == (pytest.approx(edge.low), pytest.approx(edge.high))
