"""Cosines of pairs of templates."""

import numpy as np
import pytest
from template_cases import MODES, scored

from femb_cli.evaluation.templates.scores import template_scores


@pytest.mark.parametrize("mode", MODES[1:])
def test_golden_scores_of_the_other_modes(ijb_like, mode):
    golden = np.load(ijb_like / "expected_pair_scores_other_modes.npz")[mode]
    np.testing.assert_allclose(scored(ijb_like, mode).scores_P, golden, rtol=0, atol=1e-7)


@pytest.mark.parametrize("num_pairs", [1, 200, 50_000])
def test_few_and_many_pairs_in_any_order_have_the_scores_of_the_pairs_alone(num_pairs):
    generator = np.random.default_rng(0)
    features = generator.normal(size=(2100, 4))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    left, right = generator.integers(0, 2100, size=(2, num_pairs))
    expected = np.sum(features[left] * features[right], axis=1)
    np.testing.assert_allclose(template_scores(features, left, right), expected, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(template_scores(features, right, left), template_scores(features, left, right))


@pytest.mark.parametrize("num_left", [3, 40])
def test_scores_are_the_inner_products_however_the_table_is_cut(num_left, monkeypatch):
    monkeypatch.setattr("femb_cli.evaluation.templates.scores._CELLS", 100)
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((40, 8))
    left, right = generator.permutation(40)[generator.integers(0, num_left, 900)], generator.integers(0, 40, 900)
    scores = template_scores(rows, left, right)
    np.testing.assert_allclose(scores, np.einsum("pd,pd->p", rows[left], rows[right]), rtol=0, atol=1e-12)


def test_few_pairs_of_many_templates_are_scored_without_the_table():
    rows = np.eye(3000, 4) + 1.0
    left, right = np.array([0, 1, 2999]), np.array([2999, 1, 0])
    np.testing.assert_allclose(template_scores(rows, left, right), (rows[left] * rows[right]).sum(axis=1))
