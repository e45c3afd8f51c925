"""Cosines of pairs, and the metrics of a scored list."""

import json

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.score import EmbeddedPairs, cosine_scores, mean_cosine, score_pairs, xnorm

METRICS = "num_pairs accuracy accuracy_std threshold tar_at_far fnmr_at_fmr threshold_at_fmr eer auc d_prime "
METRICS += "num_genuine num_impostor protocol num_folds arcface_torch_val_at_far_1e3"
RATES = ["1e-1", "1e-2", "1e-3", "1e-4"]


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("ref,probe,mated\n" + "a/1.jpg,a/2.jpg,1\na/1.jpg,b/1.jpg,0\n" * 4)
    return read_pairs(path)


def test_cosines_of_known_angles():
    embeddings = [[2.0, 0.0], [0.0, 3.0], [1.0, 1.0], [-5.0, 0.0]]
    scores = cosine_scores(embeddings, [0, 0, 0, 0], [0, 1, 2, 3])
    np.testing.assert_allclose(scores, [1.0, 0.0, np.sqrt(0.5), -1.0], rtol=0, atol=1e-15)


def test_cosines_do_not_depend_on_the_length_of_an_embedding():
    embeddings = np.random.default_rng(0).normal(size=(6, 5))
    left, right = [0, 1, 2], [3, 4, 5]
    scaled = embeddings * np.array([[1e-6], [1.0], [7.0], [1e6], [0.1], [3.0]])
    np.testing.assert_allclose(cosine_scores(scaled, left, right), cosine_scores(embeddings, left, right), rtol=1e-12)


def test_blocks_do_not_show_in_the_scores():
    generator = np.random.default_rng(0)
    embeddings = generator.normal(size=(10_000, 3)).astype(np.float32)
    left, right = generator.integers(0, 10_000, size=(2, 20_000))
    unit = embeddings.astype(np.float64) / np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(cosine_scores(embeddings, left, right), np.sum(unit[left] * unit[right], 1), atol=1e-14)


def test_half_precision_embeddings_are_widened_before_they_are_squared():
    embeddings = np.array([[300.0, 400.0], [400.0, 300.0]], dtype=np.float16)  # 400 squared overflows float16
    assert cosine_scores(embeddings, [0], [1])[0] == pytest.approx(0.96, abs=1e-15)


def test_no_cosine_lies_outside_of_its_range():
    embeddings = np.random.default_rng(0).normal(size=(500, 7))
    rows = np.arange(500)
    assert cosine_scores(embeddings, rows, rows).max() <= 1.0


@pytest.mark.parametrize(("value", "word"), [(0.0, "zero"), (np.nan, "not finite"), (np.inf, "not finite")])
def test_an_embedding_without_direction_is_refused_by_row_and_name(value, word):
    embeddings = np.ones((4, 2), dtype=np.float32)
    embeddings[[2, 3]] = value
    with pytest.raises(FembError, match=rf"row 2 \(counted from 0\) is {word}; 2 of 4"):
        cosine_scores(embeddings, [0], [1])
    with pytest.raises(FembError, match=f"'c', is {word}"):
        cosine_scores(embeddings, [0], [1], names=["a", "b", "c", "d"])


def test_names_that_do_not_fit_the_embeddings_are_refused():
    with pytest.raises(FembError, match="2 embeddings, but 1 names"):
        cosine_scores(np.ones((2, 2)), [0], [1], names=["a"])


def test_metrics_of_a_perfect_network(pairs):
    metrics = score_pairs([0.9, 0.1] * 4, pairs, "arcface")
    assert (metrics.num_pairs, metrics.num_genuine, metrics.num_impostor, metrics.num_folds) == (8, 4, 4, 4)
    assert (metrics.accuracy, metrics.accuracy_std, metrics.eer, metrics.auc) == (1.0, 0.0, 0.0, 1.0)
    assert metrics.tar_at_far == dict.fromkeys(RATES, 1.0)
    assert metrics.fnmr_at_fmr == dict.fromkeys(RATES, 0.0)
    assert metrics.d_prime is None


def test_metrics_are_plain_json(pairs):
    metrics = score_pairs(np.array([0.9, 0.1, 0.8, 0.2] * 2, dtype=np.float32), pairs, "exact").to_json()
    assert list(metrics) == METRICS.split()
    assert list(metrics["tar_at_far"]) == list(metrics["fnmr_at_fmr"]) == RATES
    assert json.loads(json.dumps(metrics)) == metrics
    values = [*metrics.values(), *metrics["tar_at_far"].values(), *metrics["fnmr_at_fmr"].values()]
    assert {type(value) for value in values} == {int, float, str, dict}
    assert list(metrics["threshold_at_fmr"]) == RATES


def test_another_number_of_scores_than_pairs_is_refused(pairs):
    with pytest.raises(FembError, match="one score and one flag"):
        score_pairs([0.9, 0.1], pairs, "arcface")


def test_real_embeddings_give_the_official_metrics_from_end_to_end(official):
    names = [f"elsewhere/{name.removesuffix('.jpg')}.png" for name in official.names]
    left, right = official.pairs.indices(names)
    scores = cosine_scores(official.embeddings_ND, left, right, names=names)
    np.testing.assert_allclose(scores, official.scores_N, rtol=0, atol=1e-14)
    metrics = score_pairs(scores, official.pairs, "xqlfw")
    accuracy = official.expected[f"xqlfw_{official.flip}"]
    assert metrics.accuracy == pytest.approx(accuracy["acc_mean"], abs=1e-12)
    assert metrics.accuracy_std == pytest.approx(accuracy["acc_std"], abs=1e-12)
    assert metrics.threshold == pytest.approx(1 - accuracy["thresh_mean"], abs=1e-9)
    expected = official.expected[f"cosine_{official.flip}"]
    for key in RATES:
        assert metrics.tar_at_far[key] == pytest.approx(expected["tar_at_far"][str(float(key))]["tar"], abs=1e-12)
        assert metrics.fnmr_at_fmr[key] == pytest.approx(expected["tar_at_far"][str(float(key))]["fnmr"], abs=1e-12)
    assert metrics.eer == pytest.approx(expected["eer"], abs=1e-12)


def test_the_golden_zero_embedding_is_refused(edge_cases):
    given = edge_cases["zero_embedding"]["input"]
    left, right = zip(*given["pairs"], strict=True)
    with pytest.raises(FembError, match="row 0"):
        cosine_scores(np.array(given["embeddings"]), left, right)


def test_the_golden_mean_norm(shared):
    folder = shared / "golden" / "verification"
    stored = np.load(folder / "lfw_embeddings.npz")
    rows = stored["pair_a"].astype(np.int64), stored["pair_b"].astype(np.int64)
    result = xnorm(EmbeddedPairs(stored["original"], *rows), EmbeddedPairs(stored["flipped"], *rows))
    expected = json.loads((folder / "lfw_expected.json").read_text())["arcface_torch"]["xnorm"]
    assert result == pytest.approx(expected, abs=1e-9)


def test_the_mean_cosine_is_that_of_all_pairs_of_the_named_images():
    rows_ND = np.random.default_rng(0).normal(1.0, 1.0, (600, 8)) * np.linspace(0.1, 9.0, 600)[:, None]
    named = np.arange(2, 600)  # the first two rows are in no pair
    embedded = EmbeddedPairs(rows_ND, named, named[::-1])
    units = rows_ND[named] / np.linalg.norm(rows_ND[named], axis=1, keepdims=True)
    cosines = (units @ units.T)[np.triu_indices(len(named), 1)]
    assert mean_cosine(embedded) == pytest.approx(cosines.mean(), abs=1e-12)


def test_magface_is_scored_from_the_embeddings(pairs):
    rows = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    left, right = np.zeros(8, dtype=np.int64), np.array([1, 2] * 4)
    embedded = EmbeddedPairs(rows, left, right)
    metrics = score_pairs(cosine_scores(rows, left, right), pairs, "magface", embedded=embedded)
    assert (metrics.protocol, metrics.accuracy) == ("magface", 1.0)


@pytest.mark.parametrize("rows", [np.array([["a", "b"]]), np.ones((2, 2), dtype=complex), np.ones(3)])
def test_rows_that_are_no_real_numbers_are_refused(rows):
    with pytest.raises(FembError, match="rows of real numbers"):
        cosine_scores(rows, [0], [0])
