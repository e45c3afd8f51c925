"""The nearest entries, against sorting all cosines in float64."""

from pathlib import Path

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.search import nearest as module
from femb_cli.search.nearest import nearest


def stored(rows, path="faces.npy"):
    return StoredEmbeddings(Path(path), np.asarray(rows), [f"{row}.jpg" for row in range(len(rows))], None)


def sorted_in_float64(queries, gallery, top):
    """Rows and cosines of the best entries, by sorting all of them: the score falls, then the row rises."""
    queries, gallery = queries.astype(np.float64), gallery.astype(np.float64)
    scores = np.array([[(one * other).sum() for other in gallery] for one in queries])
    scores /= np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(gallery, axis=1)
    scores = scores.clip(-1, 1)
    order = np.lexsort((np.broadcast_to(np.arange(len(gallery)), scores.shape), -scores), axis=1)[:, :top]
    return order, np.take_along_axis(scores, order, axis=1)


@pytest.fixture
def small_blocks(monkeypatch):
    """Cut the work into many blocks, as a large gallery is."""
    monkeypatch.setattr(module, "_SCORES_AT_ONCE", 1000)
    monkeypatch.setattr(module, "QUERIES_AT_ONCE", 16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("top", [1, 7, 1000])
def test_the_hits_are_those_of_sorting_all_cosines(small_blocks, dtype, top):
    generator = np.random.default_rng(0)
    gallery = generator.normal(size=(400, 16)).astype(dtype)
    gallery[200:260] = gallery[3]  # ties over several blocks
    queries = np.concatenate([generator.normal(size=(30, 16)).astype(dtype), gallery[:5]])
    hits = nearest(stored(queries), stored(gallery), top)
    rows, scores = sorted_in_float64(queries, gallery, top)
    np.testing.assert_array_equal(hits.rows_QK, rows)
    np.testing.assert_allclose(hits.scores_QK, scores, rtol=0, atol=1e-15)


def test_cosines_that_float32_cannot_tell_apart_are_told_apart(small_blocks):
    # The angles differ by 1e-5 radians, the cosines by less than float32's rounding of a sum.
    angles = 1.0 + 1e-5 * np.random.default_rng(0).permutation(300)
    gallery = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    hits = nearest(stored([[1.0, 0.0]]), stored(gallery), 300)
    np.testing.assert_array_equal(hits.rows_QK[0], np.argsort(angles))


def test_of_equal_scores_the_earlier_row_comes_first(small_blocks):
    hits = nearest(stored([[1.0, 0.0]]), stored([[0.0, 1.0], [2.0, 0.0], [1.0, 0.0], [3.0, 0.0]]), 3)
    assert hits.of(0) == [(1, 1.0), (2, 1.0), (3, 1.0)]


def test_a_query_does_not_find_itself(small_blocks):
    rows = np.random.default_rng(0).normal(size=(50, 8))
    hits = nearest(stored(rows), stored(rows), 50, itself_Q=np.arange(50))
    for query in range(50):
        found = [row for row, _ in hits.of(query)]
        assert sorted(found) == [row for row in range(50) if row != query]
    assert (hits.rows_QK[:, -1] == -1).all() and (hits.scores_QK[:, -1] == -np.inf).all()


def test_hits_below_a_score_are_left_out():
    hits = nearest(stored([[1.0, 0.0]]), stored([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), 3).at_least(0.5)
    assert [row for row, _ in hits.of(0)] == [0, 1]


def test_a_memory_map_is_searched_without_being_read_at_once(tmp_path):
    rows = np.random.default_rng(0).normal(size=(2000, 32)).astype(np.float32)
    np.save(tmp_path / "gallery.npy", rows)
    as_map = stored(np.load(tmp_path / "gallery.npy", mmap_mode="r"))
    np.testing.assert_array_equal(
        nearest(stored(rows[:9]), as_map, 4).rows_QK, nearest(stored(rows[:9]), stored(rows), 4).rows_QK
    )


def test_progress_ends_at_the_total():
    calls = []
    rows = np.eye(3)
    nearest(stored(rows), stored(rows), 1, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (9, 9)


@pytest.mark.parametrize(
    ("queries", "gallery", "message"),
    [
        (np.empty((0, 2)), np.eye(2), "queries.npy holds no embedding"),
        (np.eye(2), np.empty((0, 2)), "gallery.npy holds no embedding"),
        (np.eye(3), np.eye(2), "queries.npy holds embeddings of 3 numbers, gallery.npy of 2"),
        ([[1.0, 1.0], [0.0, 0.0]], np.eye(2), "queries.npy: the embedding of '1.jpg', row 1 .* is zero; 1 of 2"),
        (np.eye(2), [[1.0, np.nan], [0.0, 1.0]], "gallery.npy: the embedding of '0.jpg', row 0 .* is not finite"),
    ],
)
def test_sides_that_cannot_be_compared_are_refused(queries, gallery, message):
    with pytest.raises(FembError, match=message):
        nearest(stored(queries, "queries.npy"), stored(gallery, "gallery.npy"), 1)


def test_no_hit_at_all_is_refused():
    with pytest.raises(FembError, match="ask for 1 or more"):
        nearest(stored(np.eye(2)), stored(np.eye(2)), 0)
