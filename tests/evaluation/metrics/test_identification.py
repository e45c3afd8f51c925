"""Identification: hand cases, and a search by plain sorting."""

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics import identification
from femb_cli.evaluation.metrics.identification import rank_rate, search, tpir_at_fpir


def at(degrees):
    """Unit vectors at these angles."""
    radians = np.radians(degrees)
    return np.stack((np.cos(radians), np.sin(radians)), axis=1)


def test_ranks_by_hand():
    # From 0 degrees: b at 5, a at 10, c at 20; from 30 degrees: c, a, b.
    results = search(at([0, 30]), at([10, 5, 20]), ["a", "b"], ["a", "b", "c"])
    assert results.rank_P.tolist() == [2, 3]
    assert [rank_rate(results, rank) for rank in (1, 2, 3)] == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(results.mate_score_P, np.cos(np.radians([10, 25])))
    np.testing.assert_allclose(results.best_score_P, np.cos(np.radians([5, 10])))


def test_the_best_of_several_mates_counts_and_the_others_do_not_stand_before_it():
    results = search(at([0]), at([50, 10, 20]), ["a"], ["a", "a", "b"])
    assert results.rank_P.tolist() == [1]


def test_a_tie_counts_against_the_network():
    results = search(at([0]), [[1.0, 0.0], [1.0, 0.0]], ["a"], ["a", "b"])
    assert results.rank_P.tolist() == [2]


def test_a_copy_of_the_mate_is_a_tie_wherever_it_is_in_the_gallery():
    generator = np.random.default_rng(0)
    probes = generator.normal(size=(301, 512))
    mates = probes + generator.normal(size=probes.shape)
    names = [str(number) for number in range(301)]
    results = search(probes, [*mates, *mates], names, [*names, *["impostor"] * 301])
    assert results.rank_P.min() == 2


def test_an_embedding_of_another_length_is_the_same_entry():
    probes, gallery = at([0, 30]), at([10, 5, 20])
    names = (["a", "b"], ["a", "b", "c"])
    longer = search(probes * 7, gallery * [[1], [2], [30]], *names)
    np.testing.assert_array_equal(longer.rank_P, search(probes, gallery, *names).rank_P)


def test_distractors_only_lower_a_rate():
    generator = np.random.default_rng(0)
    probes, gallery = generator.normal(size=(40, 6)), generator.normal(size=(40, 6))
    gallery[:, :] += probes
    names = [f"person {number}" for number in range(40)]
    alone = search(probes, gallery, names, names)
    crowded = search(probes, [*gallery, *generator.normal(size=(500, 6))], names, [*names, *["distractor"] * 500])
    assert rank_rate(crowded, 1) < rank_rate(alone, 1)
    assert (crowded.rank_P >= alone.rank_P).all()


def test_a_probe_without_a_mate_counts_in_no_rank_rate():
    results = search(at([0, 3]), at([0, 40]), ["a", "c"], ["a", "b"])
    assert results.rank_P.tolist() == [1, 0]
    assert rank_rate(results, 1) == 1.0


def test_open_set_by_hand():
    # Mated: a at 10 degrees from its mate, b at 25 (and nearest). Unmated: 15 and 35 degrees from the nearest entry.
    results = search(at([10, 125, 75, 215]), at([0, 100, 180]), ["a", "b", "x", "y"], ["a", "b", "c"])
    strict, half, lenient = (tpir_at_fpir(results, fpir) for fpir in (0.0, 0.5, 1.0))
    assert np.degrees(np.arccos(results.best_score_P)) == pytest.approx([10, 25, 25, 35])
    assert (strict.tpir, strict.fpir, strict.allowed_false_positives) == (0.5, 0.0, 0)
    assert (half.tpir, half.fpir, half.false_positives) == (1.0, 0.5, 1)
    assert (lenient.tpir, lenient.fpir) == (1.0, 1.0)


def test_a_mate_that_is_not_the_best_entry_is_not_identified():
    results = search(at([0, 90]), at([10, 5]), ["a", "c"], ["a", "b"])
    assert tpir_at_fpir(results, 1.0).tpir == 0.0


def test_unmated_probes_with_one_score_come_in_together():
    results = search(at([0, 90, 90]), at([0]), ["a", "x", "y"], ["a"])
    point = tpir_at_fpir(results, 0.5)
    assert (point.tpir, point.fpir, point.allowed_false_positives) == (1.0, 0.0, 1)


@pytest.mark.parametrize("seed", range(5))
def test_search_equals_sorting_every_list(seed, monkeypatch):
    monkeypatch.setattr(identification, "_BLOCK_SCORES", 200)
    generator = np.random.default_rng(seed)
    # Few directions of small whole numbers: many exact ties.
    directions = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    probes, gallery = directions[generator.integers(0, 4, 50)], directions[generator.integers(0, 4, 60)]
    probe_names, gallery_names = generator.integers(0, 30, 50).astype(str), generator.integers(0, 40, 60).astype(str)
    results = search(probes, gallery, probe_names.tolist(), gallery_names.tolist())
    for row in range(50):
        entries = [(-float(probes[row] @ gallery[g]), gallery_names[g] == probe_names[row]) for g in range(60)]
        mates = [place for place, (_, mate) in enumerate(sorted(entries), start=1) if mate]
        assert results.rank_P[row] == (mates[0] if mates else 0)
        assert results.best_score_P[row] == max(-score for score, _ in entries)
    for fpir in (0.0, 0.2, 1.0):
        point = tpir_at_fpir(results, fpir)
        thresholds = [2.0, *np.unique(results.best_score_P), -1.0]
        unmated = results.best_score_P[results.rank_P == 0]
        rates = [
            np.mean((results.rank_P[results.mated_P] == 1) & (results.mate_score_P[results.mated_P] >= t))
            for t in thresholds
            if np.mean(unmated >= t) <= fpir
        ]
        assert point.tpir == max(rates)


def test_sides_that_do_not_fit_are_refused():
    with pytest.raises(FembError, match="probe: 1 identities do not fit"):
        search(at([0, 1]), at([0]), ["a"], ["a"])
    with pytest.raises(FembError, match="the gallery file holds no embeddings"):
        search(at([0]), np.empty((0, 2)), ["a"], [])
    with pytest.raises(FembError, match="probes of 2 numbers"):
        search(at([0]), np.ones((1, 3)), ["a"], ["a"])


@pytest.mark.parametrize(("value", "word"), [(0.0, "zero"), (np.nan, "not finite")])
def test_an_embedding_without_direction_is_refused(value, word):
    with pytest.raises(FembError, match=f"gallery: .* row 1 .* 'b', is {word}"):
        search(at([0]), [[1.0, 0.0], [value, value]], ["a"], ["a", "b"])


def test_rates_that_have_no_probes_are_refused():
    unmated = search(at([0]), at([0]), ["a"], ["b"])
    with pytest.raises(FembError, match="no probe has a mate"):
        rank_rate(unmated, 1)
    mated = search(at([0]), at([0]), ["a"], ["a"])
    with pytest.raises(FembError, match="every probe has a mate"):
        tpir_at_fpir(mated, 0.1)
    with pytest.raises(FembError, match="ranks count from 1"):
        rank_rate(mated, 0)


def test_an_entry_that_is_the_probe_itself_is_none():
    rows = at([0, 10, 25])
    results = search(rows, rows, ["a", "b", "a"], ["a", "b", "a"], itself_P=np.array([0, 1, 2]))
    assert results.rank_P.tolist() == [2, 0, 2]
    assert results.best_row_P.tolist() == [1, 0, 1]
    np.testing.assert_allclose(results.best_score_P, np.cos(np.radians([10, 10, 15])))


def test_a_gallery_of_nothing_but_the_probe_has_no_best_entry():
    results = search(at([0, 40]), at([0]), ["a", "b"], ["a"], itself_P=np.array([0, -1]))
    assert results.best_row_P.tolist() == [-1, 0]
    assert results.best_score_P[0] == -np.inf
