"""Groups, against definitions written out and scikit-learn's average linkage."""

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering

from femb_cli.errors import FembError
from femb_cli.search import groups as module
from femb_cli.search import pairs
from femb_cli.search.groups import components, group


def at(degrees):
    """Unit vectors at these angles."""
    radians = np.radians(degrees)
    return np.stack((np.cos(radians), np.sin(radians)), axis=1)


def as_sets(groups):
    return {frozenset(rows.tolist()) for rows in groups}


def people(count, each, spread):
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(count, 16))
    return (np.repeat(centres, each, axis=0) + spread * generator.normal(size=(count * each, 16))).astype(np.float32)


def test_a_chain_is_one_component_and_average_linkage_cuts_it():
    rows = at([0, 18, 40, 58, 170])
    threshold = np.cos(np.radians(23))
    assert as_sets(group(rows, threshold, "components")) == {frozenset({0, 1, 2, 3}), frozenset({4})}
    assert as_sets(group(rows, threshold, "average")) == {frozenset({0, 1}), frozenset({2, 3}), frozenset({4})}


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.7])
def test_average_linkage_by_components_is_that_of_all_rows_together(threshold):
    rows = people(12, 6, 0.8)
    model = AgglomerativeClustering(None, metric="cosine", linkage="average", distance_threshold=1 - threshold)
    labels = model.fit_predict(rows)
    expected = {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}
    assert 1 < len(expected) < len(rows)
    assert as_sets(group(rows, threshold, "average")) == expected


@pytest.mark.parametrize("block", [5, 2048])
def test_components_do_not_depend_on_the_blocks(monkeypatch, block):
    monkeypatch.setattr(pairs, "_ROWS_AT_ONCE", block)
    rows = people(12, 6, 0.8)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    reached = units @ units.T >= 0.6
    for _ in range(7):  # paths of up to 128 steps
        reached = (reached.astype(int) @ reached.astype(int)) > 0
    numbers = components(rows, 0.6)
    np.testing.assert_array_equal(numbers[:, None] == numbers, reached)
    assert 1 < len(set(numbers.tolist())) < len(rows)


def test_the_largest_group_comes_first_and_rows_ascend():
    groups = group(at([0, 90, 91, 1, 180, 92]), 0.9)
    assert [rows.tolist() for rows in groups] == [[1, 2, 5], [0, 3], [4]]


def test_one_image_is_one_group():
    assert [rows.tolist() for rows in group(at([10]), 0.5)] == [[0]]


def test_average_linkage_refuses_what_does_not_fit_into_memory(monkeypatch):
    monkeypatch.setattr(module, "LARGEST_COMPONENT", 3)
    rows = at([0, 1, 2, 3])
    with pytest.raises(FembError, match="4 embeddings hang together at the threshold 0.9") as caught:
        group(rows, 0.9)
    assert "--method components" in caught.value.hint
    assert len(group(rows, 0.9, "components")) == 1


def test_the_distances_are_those_of_all_pairs_in_scipys_order(monkeypatch):
    from scipy.spatial.distance import pdist

    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 4)
    rows = np.random.default_rng(0).normal(size=(11, 5))
    np.testing.assert_allclose(module._distances(rows), pdist(rows, "cosine"), atol=1e-14)


@pytest.mark.parametrize("dimension", [128, 512])
def test_equal_rows_are_grouped_though_their_rounded_cosine_may_exceed_1(dimension):
    for seed in range(40):
        row = np.random.default_rng(seed).normal(size=(1, dimension)).astype(np.float32)
        assert len(group(np.repeat(row, 3 + seed % 6, axis=0), 0.45)) == 1
