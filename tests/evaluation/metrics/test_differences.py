"""Differences of two networks on the same pairs, against closed forms and simulated networks."""

from statistics import NormalDist

import numpy as np
import pytest

from femb_cli.evaluation.metrics.differences import ScoredNetwork, paired_differences
from femb_cli.evaluation.metrics.resampling import resample_same_pairs, resample_subjects

NORMAL = NormalDist()
RATE = "1e-1"


def pairs(generator, *, means=(2.0, 2.2), correlation=0.8, num_genuine=300, num_impostor=300):
    """Scores (2, N) of two networks: impostor pairs around 0, genuine pairs around the means, with deviation 1."""
    covariance = [[1.0, correlation], [correlation, 1.0]]
    genuine_N = np.arange(num_genuine + num_impostor) < num_genuine
    scores_N2 = generator.multivariate_normal([0, 0], covariance, size=len(genuine_N))
    return (scores_N2 + genuine_N[:, None] * means).T, genuine_N


def network(scores_N, threshold, genuine_N):
    accepted_N = scores_N >= threshold
    return ScoredNetwork(scores_N, accepted_N, float(np.mean(accepted_N == genuine_N)))


def differences(scores_2N, genuine_N, *, thresholds=(1.0, 1.1), seed=0, num_resamples=400):
    def draw(numbers_N):
        return resample_same_pairs(numbers_N, genuine_N, np.random.default_rng(seed), num_resamples=num_resamples)

    both = [network(*each, genuine_N) for each in zip(scores_2N, thresholds, strict=True)]
    return paired_differences(*both, genuine_N, draw, [RATE])


def test_a_network_does_not_differ_from_itself():
    scores_2N, genuine_N = pairs(np.random.default_rng(0))
    for difference in differences(scores_2N[[0, 0]], genuine_N, thresholds=(1.0, 1.0)).values():
        assert difference.value == difference.interval.low == difference.interval.high == 0
        assert difference.better == 0


def test_a_network_that_is_better_at_nearly_every_pair_is_better_although_the_intervals_overlap():
    scores_2N, genuine_N = pairs(np.random.default_rng(0), correlation=0.99)
    found = differences(scores_2N, genuine_N)
    assert {found[name].better for name in ("auc", "eer")} == {2}
    assert found["auc"].value < 0 < found["eer"].value


def test_swapped_networks_have_the_opposite_difference():
    scores_2N, genuine_N = pairs(np.random.default_rng(1))
    there = differences(scores_2N, genuine_N)
    back = differences(scores_2N[::-1], genuine_N, thresholds=(1.1, 1.0))
    for name, difference in there.items():
        assert back[name].value == pytest.approx(-difference.value)
        assert back[name].interval.low == pytest.approx(-difference.interval.high)


def test_scores_on_another_scale_change_no_difference():
    scores_2N, genuine_N = pairs(np.random.default_rng(2))
    stretched_2N = np.stack([scores_2N[0], 7 * scores_2N[1] + 3])
    there, again = differences(scores_2N, genuine_N), differences(stretched_2N, genuine_N, thresholds=(1.0, 10.7))
    for name, difference in there.items():
        assert again[name].interval == difference.interval


def test_draws_do_not_depend_on_the_number_of_thresholds():
    scores_N, genuine_N = np.linspace(0, 1, 700), np.arange(700) % 2 == 0
    coarse_N = np.round(scores_N)
    drawn = [
        np.concatenate([some.genuine_RT[:, 1] for some in resample_same_pairs(each, genuine_N, generator)])
        for each, generator in ((coarse_N, np.random.default_rng(5)), (coarse_N + 0.0, np.random.default_rng(5)))
    ]
    assert (drawn[0] == drawn[1]).all()
    fine = resample_same_pairs(scores_N, genuine_N, np.random.default_rng(5), num_resamples=2000)
    # As many genuine pairs of the upper half are drawn with 701 thresholds, in several blocks, as with two.
    upper = np.concatenate([some.genuine_RT[:, np.searchsorted(-some.threshold_T, -0.5)] for some in fine])
    assert (upper[:1000] == drawn[0]).all()


def test_subjects_can_be_drawn_instead_of_pairs():
    generator = np.random.default_rng(3)
    left_N, right_N = generator.integers(0, 40, (2, 2000))
    genuine_N = left_N == right_N
    scores_2N = generator.normal(size=(2, 2000)) + 2 * genuine_N

    def draw(numbers_N):
        return resample_subjects(numbers_N, genuine_N, left_N, right_N, np.random.default_rng(0), num_resamples=200)

    both = [network(scores_N, 1.0, genuine_N) for scores_N in scores_2N]
    found = paired_differences(*both, genuine_N, draw, [RATE])
    assert all(each.interval.low <= each.value <= each.interval.high for each in found.values())


@pytest.mark.slow
def test_the_intervals_contain_the_true_difference_as_often_as_they_say():
    means, thresholds, fmr = (2.0, 2.2), (1.0, 1.1), float(RATE)
    truth = {
        "accuracy": [
            (NORMAL.cdf(mean - cut) + NORMAL.cdf(cut)) / 2 for mean, cut in zip(means, thresholds, strict=True)
        ],
        "auc": [NORMAL.cdf(mean / 2**0.5) for mean in means],
        "eer": [NORMAL.cdf(-mean / 2) for mean in means],
        f"fnmr_at_fmr_{RATE}": [NORMAL.cdf(NORMAL.inv_cdf(1 - fmr) - mean) for mean in means],
    }
    generator = np.random.default_rng(0)
    contained = dict.fromkeys(truth, 0)
    for seed in range(500):
        drawn = pairs(generator, means=means, num_genuine=1000, num_impostor=1000)
        found = differences(*drawn, thresholds=thresholds, seed=seed, num_resamples=300)
        for name, (first, second) in truth.items():
            contained[name] += found[name].interval.low <= first - second <= found[name].interval.high
    assert all(0.93 <= number / 500 <= 0.97 for number in contained.values()), contained
