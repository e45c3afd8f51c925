"""Exact verification metrics: hand cases, brute force, scikit-learn, and metrics on real embeddings."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.roc import (
    FEWEST_FALSE_ACCEPTS,
    auc,
    d_prime,
    equal_error_rate,
    fnmr_at_fmr,
    interpolated_equal_error_rate,
    roc_curve,
    roc_points,
    tar_at_far,
    unsupported_rates,
)


def curve_of(genuine, impostor):
    return roc_curve([*genuine, *impostor], [True] * len(genuine) + [False] * len(impostor))


def random_scores(seed):
    """Scores on few levels, so that ties within and between the kinds are everywhere."""
    generator = np.random.default_rng(seed)
    genuine = generator.random(60) < 0.4
    return np.round(generator.normal(size=60) + genuine, 1), genuine


def brute_force_rates(scores, genuine):
    """FMR and FNMR of every threshold that makes a difference, from the strictest on."""
    thresholds = [math.inf, *sorted(set(scores.tolist()), reverse=True)]
    fmr = [sum(s >= t for s in scores[~genuine]) / sum(~genuine) for t in thresholds]
    fnmr = [sum(s < t for s in scores[genuine]) / sum(genuine) for t in thresholds]
    return thresholds, fmr, fnmr


def test_tied_genuine_and_impostor_scores_are_accepted_together():
    curve = curve_of([0.9, 0.5, 0.5], [0.5, 0.2, 0.1])
    assert tar_at_far(curve, 0.3).tar == 1 / 3
    assert tar_at_far(curve, 0.34).tar == 1.0
    assert tar_at_far(curve, 0.34).false_accepts == 1


def test_tied_impostor_scores_are_rejected_together():
    point = tar_at_far(curve_of([0.9, 0.5], [0.6, 0.6, 0.1, 0.0]), 0.25)
    assert (point.allowed_false_accepts, point.false_accepts, point.tar) == (1, 0, 0.5)


def test_allowed_false_accepts_are_not_lost_to_binary_fractions():
    assert 0.29 * 100 < 29
    point = tar_at_far(curve_of([0.705, 0.695], np.arange(100) / 100), 0.29)
    assert (point.false_accepts, point.tar) == (29, 0.5)


def test_threshold_lies_half_way_between_rejected_and_accepted():
    assert tar_at_far(curve_of([0.9, 0.8], [0.4, 0.2]), 0.0).threshold == pytest.approx(0.6, abs=1e-15)


def test_threshold_between_neighbouring_floats_still_separates_them():
    above = math.nextafter(0.5, 1.0)
    assert tar_at_far(curve_of([above], [0.5]), 0.0).threshold == above


def test_threshold_is_finite_where_nothing_is_accepted():
    point = tar_at_far(curve_of([0.1], [0.9]), 0.5)
    assert (point.tar, point.far) == (0.0, 0.0)
    assert 0.9 < point.threshold < 0.9000001


def test_far_of_one_accepts_every_pair():
    point = tar_at_far(curve_of([0.1, 0.2], [0.8, 0.9]), 1.0)
    assert (point.tar, point.far, point.threshold) == (1.0, 1.0, 0.1)


@pytest.mark.parametrize("seed", range(20))
def test_tar_at_far_equals_the_best_of_all_thresholds(seed):
    scores, genuine = random_scores(seed)
    _, fmr, fnmr = brute_force_rates(scores, genuine)
    for far in (0.0, 0.01, 0.1, 0.25, 0.5, 1.0):
        point = tar_at_far(roc_curve(scores, genuine), far)
        assert point.tar == pytest.approx(max(1 - miss for match, miss in zip(fmr, fnmr, strict=True) if match <= far))
        assert np.mean(scores[genuine] >= point.threshold) == point.tar
        assert np.mean(scores[~genuine] >= point.threshold) == point.far <= far


@pytest.mark.parametrize("seed", range(5))
def test_fnmr_at_fmr_is_what_tar_at_far_leaves(seed):
    curve = roc_curve(*random_scores(seed))
    assert fnmr_at_fmr(curve, 0.1) == 1.0 - tar_at_far(curve, 0.1).tar


@pytest.mark.parametrize("seed", range(20))
def test_equal_error_rate_is_taken_where_the_rates_are_nearest(seed):
    scores, genuine = random_scores(seed)
    _, fmr, fnmr = brute_force_rates(scores, genuine)
    # `min` keeps the first of equals: the strictest threshold. Rounding makes equal gaps equal.
    gap_and_rate = [(round(abs(a - b), 12), (a + b) / 2) for a, b in zip(fmr, fnmr, strict=True)]
    _, rate = min(gap_and_rate, key=lambda pair: pair[0])
    assert equal_error_rate(roc_curve(scores, genuine)) == pytest.approx(rate, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_interpolated_equal_error_rate_is_the_crossing_of_the_broken_lines(seed):
    scores, genuine = random_scores(seed)
    _, fmr, fnmr = brute_force_rates(scores, genuine)
    fine = np.linspace(0, len(fmr) - 1, 200_001)
    lines = [np.interp(fine, np.arange(len(fmr)), rates) for rates in (fmr, fnmr)]
    crossing = np.argmin(np.abs(lines[0] - lines[1]))
    assert interpolated_equal_error_rate(roc_curve(scores, genuine)) == pytest.approx(lines[0][crossing], abs=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_roc_points_equal_those_of_a_loop_over_the_thresholds(seed):
    scores, genuine = random_scores(seed)
    points = roc_points(roc_curve(scores, genuine))
    thresholds, fmr, fnmr = brute_force_rates(scores, genuine)
    np.testing.assert_array_equal(points.threshold_T, thresholds)
    np.testing.assert_allclose(points.fmr_T, fmr, rtol=0, atol=1e-15)
    np.testing.assert_allclose(points.fnmr_T, fnmr, rtol=0, atol=1e-15)


@pytest.mark.parametrize("seed", range(10))
def test_auc_equals_that_of_scikit_learn(seed):
    scores, genuine = random_scores(seed)
    assert auc(roc_curve(scores, genuine)) == pytest.approx(roc_auc_score(genuine, scores), abs=1e-12)


@pytest.mark.parametrize("num_genuine", [10, 50])
def test_auc_does_not_depend_on_which_kind_is_rarer(num_genuine):
    scores, genuine = np.round(np.random.default_rng(0).normal(size=60), 1), np.arange(60) < num_genuine
    assert auc(roc_curve(scores, genuine)) == pytest.approx(roc_auc_score(genuine, scores), abs=1e-12)


def test_d_prime_divides_by_the_number_of_pairs():
    assert d_prime(curve_of([0.9, 0.8], [0.2, 0.1])) == pytest.approx(14.0, abs=1e-12)


def test_d_prime_has_no_value_without_spread():
    assert d_prime(curve_of([0.1] * 3, [0.3] * 7)) is None


def many_scores(dtype):
    """Enough pairs for points to be left out; a tenth of all scores is tied."""
    generator = np.random.default_rng(0)
    genuine = np.arange(120_000) < 30_000
    scores = (generator.normal(size=120_000) + 2.0 * genuine).astype(dtype)
    scores[::10] = np.round(scores[::10], 1)
    return scores, genuine


def test_float32_scores_stay_float32_and_give_the_metrics_of_the_same_scores_widened():
    scores, genuine = many_scores(np.float32)
    narrow, wide = roc_curve(scores, genuine), roc_curve(scores.astype(np.float64), genuine)
    assert narrow.genuine_G.dtype == narrow.impostor_I.dtype == np.float32
    assert wide.genuine_G.dtype == np.float64
    for far in (0.0, 1e-5, 1e-3, 0.1, 1.0):
        assert tar_at_far(narrow, far) == tar_at_far(wide, far)
    for metric in (equal_error_rate, interpolated_equal_error_rate, auc):
        assert metric(narrow) == metric(wide)
    assert d_prime(narrow) == pytest.approx(d_prime(wide), rel=1e-12)
    for field, values in vars(roc_points(narrow)).items():
        np.testing.assert_array_equal(values, getattr(roc_points(wide), field))


@pytest.mark.parametrize("dtype", [np.float16, np.int64])
def test_scores_of_other_types_become_float64(dtype):
    assert roc_curve(np.array([3, 1, 2], dtype=dtype), [True, False, True]).genuine_G.dtype == np.float64


def test_points_of_many_pairs_are_exact_points_of_the_curve():
    scores, genuine = many_scores(np.float64)
    points = roc_points(roc_curve(scores, genuine))
    assert 2_000 < len(points.threshold_T) < 20_000
    for place in np.linspace(0, len(points.threshold_T) - 1, 50).astype(int):
        threshold = points.threshold_T[place]
        assert points.fmr_T[place] == pytest.approx(np.mean(scores[~genuine] >= threshold), abs=1e-12)
        assert points.fnmr_T[place] == pytest.approx(np.mean(scores[genuine] < threshold), abs=1e-12)
    ends = [0, 1, -1]
    np.testing.assert_array_equal(points.threshold_T[ends], [math.inf, scores.max(), scores.min()])


def test_points_of_many_pairs_are_left_out_only_where_no_rate_changes_much():
    scores, genuine = many_scores(np.float64)
    points = roc_points(roc_curve(scores, genuine))
    distinct = np.unique(scores)
    skipped = np.diff(np.searchsorted(distinct, points.threshold_T[:0:-1])) > 1
    for rate_T, number in ((points.fmr_T, 90_000), (points.fnmr_T, 30_000)):
        for counts in (rate_T[:0:-1] * number, (1.0 - rate_T[:0:-1]) * number):
            steps = np.abs(np.diff(counts))[skipped]
            assert np.all(steps <= 1.01 + 0.005 * np.minimum(counts[1:], counts[:-1])[skipped])


def test_a_rate_is_unsupported_with_fewer_than_ten_false_accepts():
    assert FEWEST_FALSE_ACCEPTS == 10
    poor, none = unsupported_rates(3000, [0.1, 1e-2, 1e-3, 1e-4])
    assert (poor.rate, poor.allowed_false_accepts, poor.needed_impostor_pairs) == (1e-3, 3, 10_000)
    assert (none.rate, none.allowed_false_accepts, none.needed_impostor_pairs) == (1e-4, 0, 100_000)
    assert unsupported_rates(10_000, [1e-3]) == unsupported_rates(5, [0.0]) == []


def test_an_unsupported_rate_is_supported_with_the_pairs_it_asks_for():
    for rate in (0.3, 0.07, 1.1e-4):
        (unsupported,) = unsupported_rates(9, [rate])
        assert unsupported_rates(unsupported.needed_impostor_pairs, [rate]) == []
        assert unsupported_rates(unsupported.needed_impostor_pairs - 1, [rate]) != []


def test_scores_are_left_as_they_are():
    scores, genuine = np.array([0.3, 0.9, 0.1]), np.array([True, True, False])
    roc_curve(scores, genuine)
    np.testing.assert_array_equal(scores, [0.3, 0.9, 0.1])


@pytest.mark.parametrize(
    ("scores", "genuine", "word"),
    [
        ([0.9, 0.8], [True, True], "0 impostor pairs"),
        ([0.2, 0.1], [False, False], "0 genuine"),
        ([], [], "0 genuine and 0 impostor"),
        ([0.9, math.nan, 0.1], [True, True, False], "pair 1 .* nan"),
        ([0.9, math.inf, 0.1], [True, True, False], "pair 1 .* inf"),
        ([0.9, 0.1, 0.5], [True, False], "one score and one flag"),
    ],
)
def test_scores_without_a_right_answer_are_refused(scores, genuine, word):
    with pytest.raises(FembError, match=word):
        roc_curve(scores, genuine)


@pytest.mark.parametrize("far", [-0.1, 1.5, math.nan])
def test_a_far_outside_of_0_and_1_is_refused(far):
    with pytest.raises(FembError, match="between 0 and 1"):
        tar_at_far(curve_of([0.9], [0.1]), far)


def test_real_scores_give_the_golden_tar_at_far(official):
    curve = roc_curve(official.scores_N, official.pairs.genuine_N)
    for far, expected in official.expected[f"cosine_{official.flip}"]["tar_at_far"].items():
        point = tar_at_far(curve, float(far))
        assert point.allowed_false_accepts == expected["allowed_false_accepts"]
        assert point.false_accepts == expected["false_accepts"]
        assert point.tar == pytest.approx(expected["tar"], abs=1e-12)
        assert point.far == pytest.approx(expected["fmr"], abs=1e-12)
        assert point.threshold == pytest.approx(expected["threshold"], abs=1e-9)
        assert fnmr_at_fmr(curve, float(far)) == pytest.approx(expected["fnmr"], abs=1e-12)


def test_real_scores_give_the_golden_summary_metrics(official):
    curve = roc_curve(official.scores_N, official.pairs.genuine_N)
    expected = official.expected[f"cosine_{official.flip}"]
    assert equal_error_rate(curve) == pytest.approx(expected["eer"], abs=1e-12)
    assert interpolated_equal_error_rate(curve) == pytest.approx(expected["eer_interpolated"], abs=1e-12)
    assert auc(curve) == pytest.approx(expected["auc"], abs=1e-9)
    assert d_prime(curve) == pytest.approx(expected["d_prime"], abs=1e-9)


def test_every_golden_edge_case_gives_its_hand_derived_metrics(edge_cases):
    metrics = {"auc": auc, "eer": interpolated_equal_error_rate, "d_prime": d_prime}
    for name, case in edge_cases.items():
        if case["metric"] != "exact" or case["expected"] == "error":
            continue
        given, expected = case["input"], case["expected"]
        if "scores" in given:
            curve = roc_curve(given["scores"], given["labels"])
        else:
            curve = curve_of(given["genuine_scores"], given["impostor_scores"])
        for metric in metrics.keys() & expected.keys():
            assert metrics[metric](curve) == pytest.approx(expected[metric], abs=1e-12), (name, metric)
        for far, tar in expected.get("tar_at_far", {}).items():
            assert tar_at_far(curve, float(far)).tar == pytest.approx(tar, abs=1e-12), (name, far)


def test_every_golden_edge_case_without_an_answer_is_refused(edge_cases):
    for case in edge_cases.values():
        if case["metric"] != "exact" or case["expected"] != "error":
            continue
        given = case["input"]
        with pytest.raises(FembError):
            if "scores" in given:
                roc_curve(given["scores"], given["labels"])
            else:
                curve_of([float(score) for score in given["genuine_scores"]], given["impostor_scores"])
