"""Error-versus-discard curves, by hand and against the official evaluator."""

import json

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.quality import (
    discard_curve,
    discard_curve_at,
    magface_discard_curve,
    magnitudes,
    pair_quality,
    partial_area,
)
from femb_cli.evaluation.verification.pair_file import read_pairs

# Ten pairs, from the lowest quality to the highest; accepted from 0.5 on.
GENUINE = [1, 1, 0, 1, 0, 1, 0, 1, 0, 1]
SCORES = [0.1, 0.2, 0.6, 0.9, 0.0, 0.3, 0.1, 0.8, 0.2, 0.7]
QUALITY = list(range(10))


def test_discarded_pairs_no_longer_count():
    curve = discard_curve_at(0.5, SCORES, GENUINE, QUALITY, shares=[0.0, 0.1, 0.2, 0.3, 0.6])
    np.testing.assert_allclose(curve.fnmr_T, [3 / 6, 2 / 5, 1 / 4, 1 / 4, 0.0])
    assert curve.num_genuine_T.tolist() == [6, 5, 4, 4, 2]
    assert curve.num_impostor_T.tolist() == [4, 4, 4, 3, 2]
    assert curve.false_matches_T.tolist() == [1, 1, 1, 0, 0]


def test_the_order_of_the_list_does_not_matter_where_qualities_differ():
    order = np.random.default_rng(0).permutation(10)
    given = (np.array(values)[order] for values in (SCORES, GENUINE, QUALITY))
    curve, expected = discard_curve_at(0.5, *given), discard_curve_at(0.5, SCORES, GENUINE, QUALITY)
    np.testing.assert_array_equal(curve.fnmr_T, expected.fnmr_T)


def test_pairs_of_equal_quality_go_in_the_order_of_the_list():
    curve = discard_curve_at(0.5, [0.1, 0.9, 0.0], [1, 1, 0], [7, 7, 7], shares=[0.0, 0.34])
    assert curve.fnmr_T.tolist() == [0.5, 0.0]


def test_the_threshold_is_that_of_the_fmr_with_nothing_discarded():
    curve = discard_curve(SCORES, GENUINE, QUALITY, fmr=0.25, shares=[0.0, 0.5])
    assert curve.threshold_T.tolist() == [pytest.approx(0.25)] * 2
    np.testing.assert_allclose(curve.fnmr_T, [2 / 6, 0.0])


def test_a_curve_ends_with_the_last_genuine_pair():
    curve = discard_curve_at(0.5, [0.9, 0.1, 0.2], [1, 0, 0], [0, 1, 2], shares=[0.0, 0.4])
    assert curve.discard_T.tolist() == [0.0]


def test_a_share_is_exact_in_decimal():
    curve = discard_curve_at(0.5, np.arange(100) % 2, np.arange(100) % 2, np.arange(100), shares=[0.29])
    assert curve.num_genuine_T[0] + curve.num_impostor_T[0] == 71


@pytest.mark.parametrize(
    ("quality", "shares", "message"),
    [([1, 2], [0.0], "one quality"), ([*range(9), np.nan], [0.0], "pair 9"), (QUALITY, [1.0], r"\[0, 1\)")],
)
def test_what_has_no_curve_is_refused(quality, shares, message):
    with pytest.raises(FembError, match=message):
        discard_curve(SCORES, GENUINE, quality, shares=shares)


def test_an_area_is_made_of_trapezoids_and_may_end_between_two_points():
    curve = discard_curve_at(0.5, SCORES, GENUINE, QUALITY, shares=[0.0, 0.1, 0.2])
    assert partial_area(curve, 0.2).area == pytest.approx(0.045 + 0.0325)
    half = partial_area(curve, 0.15)
    assert half.area == pytest.approx(0.045 + 0.05 * (0.4 + 0.325) / 2)
    assert half.relative == pytest.approx(half.area / (0.15 * 0.5))


def test_a_useless_quality_has_a_relative_area_of_one():
    genuine, scores = np.arange(4000) % 2, np.tile([0.0, 0.9, 0.0, 0.1], 1000)
    curve = discard_curve_at(0.5, scores, genuine, np.arange(4000))
    assert partial_area(curve).relative == pytest.approx(1.0)


def test_without_a_failure_there_is_no_relative_area():
    assert partial_area(discard_curve_at(0.5, [0.9, 0.1], [1, 0], [1, 0], shares=[0.0, 0.5])).relative is None


@pytest.mark.parametrize("limit", [0.0, 0.3, -1.0])
def test_an_area_beyond_the_curve_is_refused(limit):
    with pytest.raises(FembError, match="no area"):
        partial_area(discard_curve_at(0.5, SCORES, GENUINE, QUALITY, shares=[0.0, 0.2]), limit)


def test_magface_has_no_point_for_a_hundred_impostors():
    generator = np.random.default_rng(0)
    genuine = np.arange(220) % 2
    curve = magface_discard_curve(generator.random(220), genuine, np.arange(220))
    assert curve.discard_T.tolist() == [0.0, 0.05]
    with pytest.raises(FembError, match="needs 101"):
        magface_discard_curve(generator.random(200), genuine[:200], np.arange(200))


@pytest.fixture(params=["lfw", "xq"])
def golden(request, shared):
    """Scores, flags and qualities without flips, and what the official evaluator makes of them."""
    folder = shared / "golden" / "verification"
    files = ["lfw_embeddings.npz"] + ["xq_degraded_embeddings.npz"] * (request.param == "xq")
    arrays = [np.load(folder / file) for file in files]
    names = [name.decode() for array in arrays for name in array["names"]]
    embeddings = np.concatenate([array["original"] for array in arrays])
    pairs = read_pairs(folder / f"{request.param}_pairs.txt")
    left, right = pairs.indices(names)
    norms = magnitudes(embeddings)
    unit = embeddings.astype(np.float64) / norms[:, None]
    expected = json.loads((folder / f"{request.param}_expected.json").read_text())["magface_edc"]
    return np.sum(unit[left] * unit[right], axis=1), pairs.genuine_N, pair_quality(norms, left, right), expected


def test_magface_curves_are_the_official_ones(golden):
    scores, genuine, quality, expected = golden
    curve = magface_discard_curve(scores, genuine, quality)
    assert len(curve.discard_T) == expected["points_printed"]
    np.testing.assert_allclose(curve.fnmr_T, expected["stable_sort_fnmr"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(curve.fnmr_T, expected["official_fnmr"], rtol=0, atol=2e-4)
    assert curve.false_matches_T.tolist() == expected["official_false_accepts"]
    distances = np.arccos(curve.threshold_T) / np.pi
    np.testing.assert_allclose(distances, expected["official_threshold_10_digits"], rtol=0, atol=1e-9)


def test_fixed_threshold_curves_and_areas_are_the_golden_ones(golden):
    scores, genuine, quality, expected = golden
    fixed, shares = expected["fixed_threshold"], expected["unconsidered_rates"]
    threshold = magface_discard_curve(scores, genuine, quality).threshold_T[0]
    curve = discard_curve_at(threshold, scores, genuine, quality, shares=shares)
    np.testing.assert_allclose(curve.fnmr_T, fixed["fnmr"], rtol=0, atol=1e-12)
    assert curve.false_matches_T.tolist() == fixed["false_accepts"]
    left = [{"genuine": g, "impostor": i} for g, i in zip(curve.num_genuine_T, curve.num_impostor_T, strict=True)]
    assert left == expected["pairs_left"]
    for limit, key in ((0.2, "0_to_0.20"), (0.95, "0_to_0.95")):
        assert partial_area(curve, limit).area == pytest.approx(fixed["area_under_curve"][key], abs=1e-12)


def test_magnitudes_of_half_precision_are_those_of_their_values(golden):
    *_, quality, expected = golden
    assert quality.min() == pytest.approx(expected["quality_min"], abs=1e-9)
