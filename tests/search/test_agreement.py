"""Agreement of groups with people, by hand and by counting pairs."""

from itertools import combinations

import numpy as np
import pytest

from femb_cli.search.agreement import agreement


def groups_of(*rows):
    return [np.array(some) for some in rows]


def test_by_hand():
    # Pairs in groups: 01, 02, 12, 34; of one person: 01, 23, 24, 34. Both: 01, 34.
    found = agreement(groups_of([0, 1, 2], [3, 4]), ["a", "a", "b", "b", "b"])
    assert (found.pairwise_precision, found.pairwise_recall, found.pairwise_f) == (0.5, 0.5, 0.5)
    assert found.bcubed_precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)
    assert found.bcubed_recall == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3) / 5)


def test_against_counting():
    generator = np.random.default_rng(0)
    labels, people = generator.integers(8, size=60), generator.integers(9, size=60)
    groups = [np.flatnonzero(labels == label) for label in range(8)]
    found = agreement(groups, [str(person) for person in people])
    together = [labels[one] == labels[other] for one, other in combinations(range(60), 2)]
    same = [people[one] == people[other] for one, other in combinations(range(60), 2)]
    both = np.sum(np.logical_and(together, same))
    assert found.pairwise_precision == pytest.approx(both / np.sum(together))
    assert found.pairwise_recall == pytest.approx(both / np.sum(same))
    precision = [np.mean(people[labels == labels[row]] == people[row]) for row in range(60)]
    recall = [np.mean(labels[people == people[row]] == labels[row]) for row in range(60)]
    assert found.bcubed_precision == pytest.approx(np.mean(precision))
    assert found.bcubed_recall == pytest.approx(np.mean(recall))


def test_without_any_pair_nothing_is_wrong():
    found = agreement(groups_of([0], [1]), ["a", "b"])
    assert set(found.to_json().values()) == {1.0}
