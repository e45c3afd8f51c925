"""Pairs above a threshold, against all cosines in float64."""

import numpy as np
import pytest

from femb_cli.search import pairs as module
from femb_cli.search.pairs import pairs_above


def found(rows, threshold, **options):
    return [
        (one, other)
        for left, right in pairs_above(rows, threshold, **options)
        for one, other in zip(left.tolist(), right.tolist(), strict=True)
    ]


@pytest.mark.parametrize("block", [7, 64, 2048])
def test_every_pair_is_found_once_whatever_the_blocks(monkeypatch, block):
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", block)
    rows = np.random.default_rng(0).normal(size=(150, 6)).astype(np.float32)
    units = rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    expected = {(one, other) for one, other in np.argwhere(units @ units.T >= 0.5).tolist() if one < other}
    pairs = found(rows, 0.5)
    assert len(pairs) == len(set(pairs)) > 100
    assert set(pairs) == expected


def test_a_cosine_at_the_threshold_is_decided_in_float64():
    # 3-4-5 triangles: the cosine of the first two is 0.6 in float64, and the third is below it by 1e-9.
    rows = np.array([[1.0, 0.0], [0.6, 0.8], [0.6 - 1e-9, 0.8]])
    assert found(rows, 0.6) == [(0, 1), (1, 2)]


def test_progress_counts_all_pairs(monkeypatch):
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 4)
    calls = []
    found(np.eye(10), 0.5, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (45, 45)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
