"""Resamples of pairs and of subjects."""

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.resampling import resample_pairs, resample_subjects
from femb_cli.evaluation.metrics.roc import roc_curve


def independent_pairs(generator, num_of_each):
    genuine = np.arange(2 * num_of_each) < num_of_each
    return generator.normal(np.where(genuine, 2.0, 0.0)), genuine


def test_every_pair_resample_holds_as_many_pairs_of_each_kind():
    curve = roc_curve(*independent_pairs(np.random.default_rng(0), 50))
    for block in resample_pairs(curve, np.random.default_rng(1), num_resamples=30):
        assert np.all(block.genuine_RT[:, -1] == 50)
        assert np.all(block.impostor_RT[:, -1] == 50)
        assert np.all(block.genuine_RT[:, 0] == 0)


def test_every_subject_resample_weighs_a_pair_by_the_product_of_its_subjects():
    scores, genuine = [0.9, 0.8, 0.7, 0.1, 0.2, 0.3], [True] * 3 + [False] * 3
    left, right = ["a", "b", "c", "a", "b", "c"], ["a", "b", "c", "b", "c", "a"]
    seen = set()
    draws = np.random.default_rng(0)
    for _ in range(40):
        try:
            (block,) = resample_subjects(scores, genuine, left, right, draws, num_resamples=1)
        except FembError:  # one subject three times: no impostor pair
            continue
        a, b, c = np.diff(block.genuine_RT[0])[:3]
        c_a, b_c, a_b = np.diff(block.impostor_RT[0])[3:]
        assert a + b + c == 3
        assert (a_b, b_c, c_a) == (a * b, b * c, c * a)
        seen.add((a, b, c))
    assert len(seen) > 3


def test_resamples_come_in_blocks_of_bounded_size(monkeypatch):
    curve = roc_curve(*independent_pairs(np.random.default_rng(0), 50))
    blocks = list(resample_pairs(curve, np.random.default_rng(1), num_resamples=30))
    monkeypatch.setattr("femb_cli.evaluation.metrics.resampling._WEIGHTS_PER_BLOCK", 700)
    smaller = list(resample_pairs(curve, np.random.default_rng(1), num_resamples=30))
    assert (len(blocks), len(smaller)) == (1, 5)
    assert sum(len(block.genuine_RT) for block in smaller) == 30


def test_subjects_that_contradict_the_flags_are_refused():
    with pytest.raises(FembError, match="pair 1 .* an impostor pair, but its subjects are b and b"):
        next(resample_subjects([0.9, 0.1], [True, False], ["a", "b"], ["a", "b"], np.random.default_rng(0)))


def test_another_number_of_subjects_than_pairs_is_refused():
    with pytest.raises(FembError, match="every pair needs two subjects"):
        next(resample_subjects([0.9, 0.1], [True, False], ["a"], ["a"], np.random.default_rng(0)))


def test_too_few_subjects_to_resample_are_refused():
    with pytest.raises(FembError, match="2 subjects are too few"):
        list(resample_subjects([0.9, 0.1], [True, False], ["a", "a"], ["a", "b"], np.random.default_rng(0)))
