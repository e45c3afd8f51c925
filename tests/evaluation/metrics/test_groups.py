"""Groups of pairs at a common threshold, by hand."""

import math

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.groups import compare_groups, differential, groups_apart, quantile_bins

# At FAR 1/5 one of the five impostor pairs is accepted: the threshold is 0.35.
SCORES = [0.9, 0.3, 0.8, 0.2, 0.1, 0.4, 0.3, 0.9, 0.25, 0.1]
GENUINE = [1, 1, 1, 1, 0, 0, 0, 1, 0, 0]
LABELS = ["a", "a", "a", "a", "a", "a", "b", "b", "b", "b"]


@pytest.fixture
def comparison():
    return compare_groups(SCORES, GENUINE, LABELS, grouping="sex", far=0.2)


def test_all_groups_are_judged_by_the_threshold_of_all_pairs(comparison):
    assert comparison.threshold == pytest.approx(0.35)
    a, b = comparison.groups
    assert (a.false_non_matches, a.num_genuine, a.fnmr) == (2, 4, 0.5)
    assert (a.false_matches, a.num_impostor, a.fmr) == (1, 2, 0.5)
    assert (b.fnmr, b.fmr) == (0.0, 0.0)


def test_tar_within_a_group_is_by_its_own_threshold(comparison):
    assert [group.tar_within for group in comparison.groups] == [0.5, 1.0]


def test_a_group_of_one_kind_has_one_rate():
    comparison = compare_groups([0.9, 0.1, 0.2], [1, 0, 0], ["x", "y", "y"], grouping="pose")
    x, y = comparison.groups
    assert (x.fnmr, x.fmr, x.tar_within) == (0.0, None, None)
    assert (y.fnmr, y.fmr, y.tar_within) == (None, 0.0, None)
    assert comparison.fnmr is None


def test_a_comparison_becomes_plain_values(comparison):
    document = comparison.to_json()
    assert document["groups"][0]["name"] == "a"
    assert document["fnmr"] == {
        "highest": "a",
        "lowest": "b",
        "max_over_min": None,
        "max_over_geometric_mean": None,
        "gini": pytest.approx(1.0),
    }


def test_each_rate_has_its_interval():
    comparison = compare_groups([0.9, 0.1, 0.2], [1, 0, 0], ["x", "y", "y"], grouping="pose")
    x, y = comparison.groups
    assert (x.fnmr_interval.low, x.fnmr_interval.high) == (0.0, pytest.approx(0.975))
    assert (x.fmr_interval, y.fnmr_interval) == (None, None)
    assert comparison.fnmr_apart is None


def test_groups_differ_only_where_chance_does_not_explain_it():
    assert groups_apart({"a": (10, 100), "b": (14, 100)}) is None
    assert groups_apart({"a": (10, 1000), "b": (60, 1000), "none": (0, 0)}) == ("b", "a")
    # The highest rate is that of a tiny group, about which nothing can be said.
    assert groups_apart({"tiny": (1, 2), "a": (10, 1000), "b": (60, 1000)}) == ("b", "a")


def test_equal_groups_are_rarely_said_to_differ():
    errors = np.random.default_rng(0).binomial(200, 0.05, size=(500, 8)).tolist()
    named = [groups_apart({str(place): (number, 200) for place, number in enumerate(draw)}) for draw in errors]
    assert sum(apart is not None for apart in named) <= 25


def test_ratios_are_of_the_highest_rate():
    spread = differential({"a": 0.02, "b": 0.08, "c": 0.04})
    assert (spread.highest, spread.lowest) == ("b", "a")
    assert spread.max_over_min == pytest.approx(4.0)
    assert spread.max_over_geometric_mean == pytest.approx(0.08 / math.cbrt(0.02 * 0.08 * 0.04))
    assert spread.gini == pytest.approx((0.06 + 0.02 + 0.04) * 2 / (2 * 3 * 2 * 0.14 / 3))


def test_gini_is_zero_for_equal_groups_and_one_where_all_errors_fall_on_one():
    assert differential({"a": 0.1, "b": 0.1}).gini == 0.0
    assert differential({"a": 0.0, "b": 0.0, "c": 0.3}).gini == pytest.approx(1.0)


def test_without_an_error_nothing_lies_apart():
    spread = differential({"a": 0.0, "b": 0.0})
    assert (spread.max_over_min, spread.max_over_geometric_mean, spread.gini) == (None, None, None)


def test_a_pair_without_a_group_is_refused():
    with pytest.raises(FembError, match="10 pairs, 9 groups of 'sex'"):
        compare_groups(SCORES, GENUINE, LABELS[1:], grouping="sex")


def test_bins_hold_equal_numbers_of_different_values():
    names = quantile_bins(np.arange(100)[::-1], 4)
    assert [names.count(name) for name in sorted(set(names))] == [25] * 4
    assert sorted(set(names))[0] == "1: 0 to 24"
    assert names[0] == "4: 75 to 99"


def test_equal_values_share_a_bin():
    assert quantile_bins([1.0, 1.0, 1.0, 1.0, 2.0], 4) == ("1: 1 to 1",) * 4 + ("2: 2 to 2",)
    assert quantile_bins([1.0, 2.0, 2.0, 2.0, 2.0], 4) == ("1: 1 to 1",) + ("2: 2 to 2",) * 4


def test_a_value_that_is_not_finite_is_refused():
    with pytest.raises(FembError, match="not finite"):
        quantile_bins([0.1, np.nan])
