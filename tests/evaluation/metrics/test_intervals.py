"""Confidence intervals: metrics of resamples beside the exact ones, and how often the intervals hold the truth."""

from functools import partial
from statistics import NormalDist

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.intervals import (
    accuracy_interval,
    accuracy_of,
    auc_of,
    bootstrap,
    d_prime_of,
    edge_interval,
    equal_error_rate_of,
    tar_at_far_of,
    threshold_of,
    verification_intervals,
)
from femb_cli.evaluation.metrics.resampling import Resamples, resample_pairs, resample_subjects
from femb_cli.evaluation.metrics.roc import auc, d_prime, equal_error_rate, roc_curve, tar_at_far

TAR_AT_10_PERCENT = partial(tar_at_far_of, far=0.1)
METRICS = {"eer": equal_error_rate_of, "auc": auc_of, "d_prime": d_prime_of, "tar": TAR_AT_10_PERCENT}
NORMAL = NormalDist()
# Of genuine scores from N(2, 1) and impostor scores from N(0, 1).
TRUTH = {
    "eer": NORMAL.cdf(-1.0),
    "auc": NORMAL.cdf(2.0 / 2.0**0.5),
    "d_prime": 2.0,
    "tar": 1.0 - NORMAL.cdf(NORMAL.inv_cdf(0.9) - 2.0),
}


def independent_pairs(generator, num_of_each):
    genuine = np.arange(2 * num_of_each) < num_of_each
    return generator.normal(np.where(genuine, 2.0, 0.0)), genuine


def pairs_of_subjects(generator, num_subjects, impostor_pairs_per_subject=10):
    """Scores that go along with their subjects: those explain 0.6 of the variance of either kind."""
    left, right = np.triu_indices(num_subjects, 1)
    chosen = generator.permutation(len(left))[: impostor_pairs_per_subject * num_subjects]
    left, right = left[chosen], right[chosen]
    mated = np.repeat(np.arange(num_subjects), 3)
    lamb, goat = generator.normal(size=(2, num_subjects))
    impostor = 0.3**0.5 * (lamb[left] + lamb[right]) + 0.4**0.5 * generator.normal(size=len(left))
    genuine = 2.0 + 0.6**0.5 * goat[mated] + 0.4**0.5 * generator.normal(size=len(mated))
    flags = np.arange(len(mated) + len(left)) < len(mated)
    return np.append(genuine, impostor), flags, np.append(mated, left), np.append(mated, right)


def coverage(resamples_of, num_draws):
    """Share of the draws whose interval holds the truth, by metric."""
    hits = dict.fromkeys(TRUTH, 0)
    for seed in range(num_draws):
        intervals = bootstrap(METRICS, resamples_of(np.random.default_rng(seed)))
        for name, truth in TRUTH.items():
            hits[name] += intervals[name].low <= truth <= intervals[name].high
    return {name: count / num_draws for name, count in hits.items()}


def by_pairs(generator, num_of_each, num_resamples):
    curve = roc_curve(*independent_pairs(generator, num_of_each))
    return resample_pairs(curve, generator, num_resamples=num_resamples)


def by_subjects(generator, num_subjects, num_resamples):
    return resample_subjects(*pairs_of_subjects(generator, num_subjects), generator, num_resamples=num_resamples)


def by_pairs_in_spite_of_subjects(generator, num_subjects, num_resamples):
    scores, genuine, _, _ = pairs_of_subjects(generator, num_subjects)
    return resample_pairs(roc_curve(scores, genuine), generator, num_resamples=num_resamples)


def test_pair_intervals_hold_the_truth_about_as_often_as_they_say():
    shares = coverage(partial(by_pairs, num_of_each=150, num_resamples=200), 100)
    assert all(0.89 <= share <= 1.0 for share in shares.values()), shares


def test_pair_intervals_are_too_narrow_where_subjects_matter_and_subject_intervals_are_not():
    of_subjects = coverage(partial(by_subjects, num_subjects=80, num_resamples=200), 60)
    of_pairs = coverage(partial(by_pairs_in_spite_of_subjects, num_subjects=80, num_resamples=200), 60)
    assert all(share >= 0.87 for share in of_subjects.values()), of_subjects
    assert all(share <= 0.85 for share in of_pairs.values()), of_pairs


@pytest.mark.slow
def test_pair_intervals_cover_within_two_points_of_their_level():
    shares = coverage(partial(by_pairs, num_of_each=1000, num_resamples=300), 500)
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares


@pytest.mark.slow
def test_subject_intervals_cover_within_two_points_of_their_level():
    shares = coverage(partial(by_subjects, num_subjects=200, num_resamples=500), 500)
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares


@pytest.mark.slow
def test_pair_intervals_of_subjects_cover_less_than_four_times_in_five():
    shares = coverage(partial(by_pairs_in_spite_of_subjects, num_subjects=200, num_resamples=500), 200)
    assert all(share < 0.8 for share in shares.values()), shares


def test_the_metrics_of_a_resample_are_those_of_its_copied_pairs():
    """Ties within and between the kinds, and weights of 0 to 3."""
    generator = np.random.default_rng(0)
    genuine = np.arange(60) < 25
    scores = np.round(generator.normal(size=60) + genuine, 1)
    weights_RN = generator.integers(0, 4, size=(20, 60))
    threshold_T = np.append(np.inf, np.unique(scores)[::-1])
    accepted_NT = scores[:, None] >= threshold_T
    resamples = Resamples(
        threshold_T, weights_RN[:, genuine] @ accepted_NT[genuine], weights_RN[:, ~genuine] @ accepted_NT[~genuine]
    )
    for row, weights in enumerate(weights_RN):
        copied_scores, copied_genuine = np.repeat(scores, weights), np.repeat(genuine, weights)
        curve = roc_curve(copied_scores, copied_genuine)
        for far in (0.0, 0.1, 0.29, 1.0):
            assert tar_at_far_of(resamples, far)[row] == pytest.approx(tar_at_far(curve, far).tar, abs=1e-12)
            accepted = copied_scores >= threshold_of(resamples, far)[row]
            assert accepted[copied_genuine].mean() == pytest.approx(tar_at_far(curve, far).tar, abs=1e-12)
            assert accepted[~copied_genuine].mean() == pytest.approx(tar_at_far(curve, far).far, abs=1e-12)
        assert equal_error_rate_of(resamples)[row] == pytest.approx(equal_error_rate(curve), abs=1e-12)
        assert auc_of(resamples)[row] == pytest.approx(auc(curve), abs=1e-12)
        assert d_prime_of(resamples)[row] == pytest.approx(d_prime(curve), abs=1e-9)
        right = np.mean((copied_scores >= 0.45) == copied_genuine)
        assert accuracy_of(resamples, 0.45)[row] == pytest.approx(right, abs=1e-12)


def test_a_seed_gives_the_same_intervals_again():
    curve = roc_curve(*independent_pairs(np.random.default_rng(0), 50))
    first, again, other = (
        bootstrap(METRICS, resample_pairs(curve, np.random.default_rng(seed), num_resamples=50)) for seed in (3, 3, 4)
    )
    assert first == again != other


def test_a_higher_level_gives_a_wider_interval():
    curve = roc_curve(*independent_pairs(np.random.default_rng(0), 100))
    narrow, wide = (
        bootstrap(METRICS, resample_pairs(curve, np.random.default_rng(0), num_resamples=200), level=level)["auc"]
        for level in (0.5, 0.99)
    )
    assert wide.low < narrow.low < auc(curve) < narrow.high < wide.high
    assert (narrow.level, wide.level) == (0.5, 0.99)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_outside_of_0_and_1_is_refused(level):
    with pytest.raises(FembError, match="between 0 and 1"):
        bootstrap({}, [], level=level)


def test_the_interval_of_accuracy_over_folds_is_that_of_a_binomial_share():
    generator = np.random.default_rng(0)
    genuine, correct = np.arange(6000) % 2 == 0, np.arange(6000) % 20 != 0
    curve = roc_curve((correct == genuine).astype(float), genuine)
    drawn = resample_pairs(curve, generator, num_resamples=2000)
    interval = accuracy_interval(drawn, correct.mean(), trials=6000)
    # All wrong pairs are genuine: 300 of 3000, so that the share of all pairs has half the spread of theirs.
    half_width = 1.96 * (0.1 * 0.9 / 3000) ** 0.5 / 2
    assert interval.low == pytest.approx(0.95 - half_width, abs=5e-4)
    assert interval.high == pytest.approx(0.95 + half_width, abs=5e-4)


def test_a_rate_without_errors_is_bounded_by_clopper_and_pearson():
    """0 of 10 at 95 %: 0.3085, as in tables."""
    assert edge_interval(0, 10).low == 0.0
    assert edge_interval(0, 10).high == pytest.approx(0.3085, abs=5e-5)
    assert edge_interval(10, 10).low == pytest.approx(0.6915, abs=5e-5)
    assert edge_interval(10, 10).high == 1.0


def test_the_one_sided_bound_of_the_same_rule_is_the_rule_of_three():
    assert edge_interval(0, 1000, level=0.90).high == pytest.approx(3 / 1000, rel=0.01)


def test_a_perfect_tar_gets_the_edge_interval_and_fnmr_mirrors_tar():
    curve = roc_curve([0.9] * 20 + [0.95] * 20 + [0.1] * 20 + [0.05] * 20, [True] * 40 + [False] * 40)
    draws = resample_pairs(curve, np.random.default_rng(0), num_resamples=50)
    intervals = verification_intervals(curve, draws, ["1e-1"], genuine_trials=40)
    assert intervals["tar_at_far_1e-1"] == edge_interval(40, 40)
    assert intervals["fnmr_at_fmr_1e-1"].high == pytest.approx(1 - edge_interval(40, 40).low)
    assert intervals["eer"].high == 0.0


def test_a_metric_without_a_value_has_no_interval():
    curve = roc_curve([0.9] * 5 + [0.1] * 5, [True] * 5 + [False] * 5)
    intervals = bootstrap(METRICS, resample_pairs(curve, np.random.default_rng(0), num_resamples=10))
    assert intervals.keys() == METRICS.keys() - {"d_prime"}


def test_intervals_of_many_pairs_lie_around_the_exact_metrics():
    generator = np.random.default_rng(0)
    genuine = np.arange(300_000) < 20_000
    scores = generator.standard_normal(300_000, dtype=np.float32) + 2 * genuine.astype(np.float32)
    curve = roc_curve(scores, genuine)
    intervals = bootstrap(METRICS, resample_pairs(curve, generator, num_resamples=100))
    metrics = {"eer": equal_error_rate(curve), "auc": auc(curve), "d_prime": d_prime(curve)}
    for name, value in (metrics | {"tar": tar_at_far(curve, 0.1).tar}).items():
        assert intervals[name].low < value < intervals[name].high
        assert intervals[name].high - intervals[name].low < 0.05 * value


def test_an_accuracy_of_1_is_bounded_by_the_number_of_trials():
    interval = accuracy_interval([], 1.0, trials=100)
    assert interval.high == 1.0
    assert interval.low**100 == pytest.approx(0.025)
