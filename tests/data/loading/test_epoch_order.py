"""The order in which an epoch visits the images."""

import numpy as np
import pytest

from femb_cli.data.loading.epoch_order import MOST_LANES, epoch_order
from femb_cli.data.source import RowGroups

STARTS = np.cumsum([0, *np.random.default_rng(0).integers(5, 15, size=100)])
NUM_IMAGES = int(STARTS[-1])
GROUP_OF_ROW = np.repeat(np.arange(100), np.diff(STARTS))


def groups(at_once):
    return RowGroups(STARTS, at_once)


@pytest.mark.parametrize("at_once", [None, 1, 4, 40, 1000])
def test_it_is_a_permutation_that_the_seed_decides(at_once):
    order, again, other = (
        epoch_order(NUM_IMAGES, seed, at_once and groups(at_once)) for seed in [(1, 2)] * 2 + [(1, 3)]
    )
    assert np.array_equal(np.sort(order), np.arange(NUM_IMAGES))
    assert np.array_equal(order, again)
    assert not np.array_equal(order, other)
    assert order.dtype == np.int32


def test_without_groups_it_is_numpys_permutation():
    expected = np.random.default_rng((1, 2)).permutation(NUM_IMAGES)
    assert np.array_equal(epoch_order(NUM_IMAGES, (1, 2)), expected)


@pytest.mark.parametrize("at_once", [1, 4, 32, 64])
def test_few_groups_are_in_use_at_any_time(at_once):
    """A group is in use from its first row in the order to its last."""
    visited = GROUP_OF_ROW[epoch_order(NUM_IMAGES, (0,), groups(at_once))]
    first = np.array([np.flatnonzero(visited == group)[0] for group in range(100)])
    last = np.array([np.flatnonzero(visited == group)[-1] for group in range(100)])
    in_use = [np.sum((first <= place) & (place <= last)) for place in range(NUM_IMAGES)]
    assert max(in_use) <= at_once


@pytest.mark.parametrize("world_size", [2, 4])
def test_no_two_processes_read_the_same_group_where_lanes_can_be_shared_evenly(world_size):
    """Process r reads every `world_size`-th row of the order; here all lanes are equally long."""
    equal = RowGroups(np.arange(0, 641, 10), at_once=MOST_LANES)
    order = epoch_order(640, (0,), equal)
    read = [set((order[rank::world_size] // 10).tolist()) for rank in range(world_size)]
    assert sum(map(len, read)) == 64 == len(set.union(*read))
