"""Accuracy over folds: hand cases, plain loops as the evaluators describe them, and their metrics on real faces."""

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.protocols import (
    PROTOCOL_NAMES,
    PROTOCOLS,
    accuracy_on_grid,
    arcface,
    arcface_tar_at_far,
    exact,
    fold_accuracy,
    magface,
    magface_no_mean,
    tar_on_grid,
    xqlfw,
)
from femb_cli.evaluation.verification.folds import contiguous_folds

ARCFACE_GRID = np.arange(0, 4, 0.01)


def looped_folds(distances, genuine, folds, grid):
    """For each fold, the first of the thresholds that are best on the others, and its accuracy on the fold."""
    accuracies, thresholds = [], []
    for fold in range(max(folds) + 1):
        training = folds != fold
        correct = [np.mean((distances[training] < t) == genuine[training]) for t in grid]
        threshold = grid[int(np.argmax(correct))]
        thresholds.append(threshold)
        accuracies.append(np.mean((distances[~training] < threshold) == genuine[~training]))
    return np.array(accuracies), np.array(thresholds)


def random_pairs(seed, num_pairs=83, num_folds=5):
    generator = np.random.default_rng(seed)
    genuine = generator.random(num_pairs) < 0.5
    scores = np.clip(generator.normal(0.05 + 0.4 * genuine, 0.2), -1, 1)
    return scores, genuine, generator.permutation(contiguous_folds(num_pairs, num_folds))


def test_a_distance_on_the_threshold_is_not_accepted():
    accuracies, thresholds = accuracy_on_grid([0.5, 2, 0.5, 2], [1, 0, 1, 0], [0, 0, 1, 1], ARCFACE_GRID)
    np.testing.assert_allclose(thresholds, 0.51)
    np.testing.assert_array_equal(accuracies, 1.0)


def test_the_first_of_the_best_thresholds_is_taken():
    _, thresholds = accuracy_on_grid([0.105, 0.305, 0.105, 0.305], [1, 0, 1, 0], [0, 0, 1, 1], ARCFACE_GRID)
    np.testing.assert_allclose(thresholds, 0.11)


def test_folds_of_unequal_size_weigh_the_same():
    folds = contiguous_folds(7, 3)
    distances = [0.1, 0.2, 0.05, 3, 0.1, 0.2, 3]
    accuracies, _ = accuracy_on_grid(distances, [1, 1, 0, 0, 1, 1, 0], folds, ARCFACE_GRID)
    np.testing.assert_allclose(accuracies, [2 / 3, 1, 1])


def test_a_distance_beyond_the_grid_is_never_accepted():
    accuracies, _ = accuracy_on_grid([4.0, 3.995, 4.0, 3.995], [1, 0, 1, 0], [0, 0, 1, 1], ARCFACE_GRID)
    np.testing.assert_array_equal(accuracies, 0.5)


@pytest.mark.parametrize("seed", range(10))
def test_arcface_equals_a_loop_over_its_grid_of_squared_distances(seed):
    scores, genuine, folds = random_pairs(seed)
    accuracies, thresholds = looped_folds(2 - 2 * scores, genuine, folds, ARCFACE_GRID)
    result = arcface(scores, genuine, folds)
    np.testing.assert_array_equal(result.fold_accuracies, accuracies)
    np.testing.assert_allclose(result.fold_thresholds, 1 - thresholds / 2, rtol=0, atol=1e-15)
    assert (result.accuracy, result.accuracy_std) == (accuracies.mean(), accuracies.std(ddof=0))
    assert result.threshold == pytest.approx(1 - thresholds.mean() / 2, abs=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_xqlfw_equals_a_loop_over_its_grid_of_cosine_distances(seed):
    scores, genuine, folds = random_pairs(seed)
    accuracies, thresholds = looped_folds(1 - scores, genuine, folds, np.arange(0, 2, 0.001))
    result = xqlfw(scores, genuine, folds)
    np.testing.assert_array_equal(result.fold_accuracies, accuracies)
    np.testing.assert_allclose(result.fold_thresholds, 1 - thresholds, rtol=0, atol=1e-15)


@pytest.mark.parametrize("seed", range(10))
def test_exact_equals_a_loop_over_all_training_scores(seed):
    scores, genuine, folds = random_pairs(seed)
    scores = np.round(scores, 1)  # many ties
    result = exact(scores, genuine, folds)
    for fold in range(5):
        training = folds != fold
        candidates = sorted(set(scores[training]), reverse=True)
        correct = [np.mean((scores[training] >= t) == genuine[training]) for t in candidates]
        threshold = candidates[int(np.argmax(correct))]
        assert result.fold_thresholds[fold] == threshold
        accuracy = np.mean((scores[~training] >= threshold) == genuine[~training])
        assert result.fold_accuracies[fold] == accuracy


@pytest.mark.parametrize("seed", range(3))
def test_magface_without_mean_equals_a_loop_over_its_grid_of_angles(seed):
    scores, genuine, folds = random_pairs(seed)
    accuracies, thresholds = looped_folds(np.arccos(scores) / np.pi, genuine, folds, ARCFACE_GRID)
    result = magface_no_mean(scores, genuine, folds)
    np.testing.assert_array_equal(result.fold_accuracies, accuracies)
    np.testing.assert_allclose(result.fold_thresholds, np.cos(np.pi * thresholds), rtol=0, atol=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_magface_takes_the_mean_of_the_training_folds_off_both_sides(seed):
    _, genuine, folds = random_pairs(seed)
    generator = np.random.default_rng(seed)
    left = generator.normal(1.0, 1.0, size=(len(genuine), 5))
    right = np.where(genuine[:, None], left, 1.0) + generator.normal(0.0, 1.0, size=left.shape)
    result = magface(left, right, genuine, folds)
    for fold in range(5):
        training = folds != fold
        mean = np.vstack((left[training], right[training])).mean(axis=0)
        a, b = left - mean, right - mean
        angles = np.arccos(np.sum(a * b, 1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)) / np.pi
        accuracies, thresholds = looped_folds(angles, genuine, np.where(training, 1, 0), ARCFACE_GRID)
        assert result.fold_accuracies[fold] == accuracies[0]
        assert result.fold_thresholds[fold] == pytest.approx(np.cos(np.pi * thresholds[0]), abs=1e-15)


def test_magface_does_not_depend_on_a_common_shift():
    generator = np.random.default_rng(0)
    left, right = generator.normal(size=(2, 40, 3))
    genuine, folds = np.arange(40) % 2 == 0, contiguous_folds(40, 4)
    result, shifted = (magface(left + shift, right + shift, genuine, folds) for shift in (0.0, 2.0))
    assert result.fold_accuracies == shifted.fold_accuracies


def test_magface_refuses_an_embedding_that_equals_the_mean():
    with pytest.raises(FembError, match="nan"):
        magface(np.ones((4, 2)), np.ones((4, 2)), [True, False] * 2, [0, 0, 1, 1])


def test_magface_cannot_be_told_from_scores():
    with pytest.raises(FembError, match="'magface' needs the embeddings") as refused:
        fold_accuracy("magface", [0.9, 0.1] * 2, [True, False] * 2, [0, 0, 1, 1])
    assert "magface-no-mean" in refused.value.hint


@pytest.mark.parametrize("far", [0.0, 0.1, 0.3, 1.0])
def test_the_official_tar_equals_a_loop_over_its_grid(far):
    scores, genuine, folds = random_pairs(1)
    distances, grid = 2 - 2 * scores, np.arange(0, 4, 0.001)
    result = tar_on_grid(distances, genuine, folds, far)
    for fold in range(5):
        training = distances[(folds != fold) & ~genuine]
        rates = np.array([np.mean(training < t) for t in grid])
        expected = np.interp(far, rates, grid) if rates.max() >= far else 0.0
        assert result.fold_thresholds[fold] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_perfect_network_is_right_in_every_fold(protocol):
    result = fold_accuracy(protocol, [0.9, 0.1] * 6, [True, False] * 6, contiguous_folds(12, 3))
    assert (result.accuracy, result.accuracy_std) == (1.0, 0.0)
    assert 0.1 < result.threshold <= 0.9


@pytest.mark.parametrize("protocol", ["arcface", "xqlfw"])
def test_a_cosine_rounded_beyond_one_is_no_negative_distance(protocol):
    scores = [1.0000000000000002, 0.0] * 2
    result = fold_accuracy(protocol, scores, [True, False] * 2, [0, 0, 1, 1])
    assert result.threshold < 1.0


def test_an_unknown_protocol_is_refused_with_the_choices():
    with pytest.raises(FembError, match="'lfw'") as refused:
        fold_accuracy("lfw", [0.9, 0.1], [True, False], [0, 1])
    assert ", ".join(PROTOCOL_NAMES) in refused.value.hint


@pytest.mark.parametrize("folds", [[0, 0], [0, 2], [0]])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_too_few_folds_or_an_empty_one_are_refused(protocol, folds):
    with pytest.raises(FembError, match="fold"):
        fold_accuracy(protocol, [0.9, 0.1], [True, False], folds)


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(FembError, match="nan"):
        arcface([0.9, np.nan], [True, False], [0, 1])


def assert_equals_official(result, expected, thresholds):
    np.testing.assert_allclose(result.fold_accuracies, expected["fold_accuracy"], rtol=0, atol=1e-12)
    assert result.accuracy == pytest.approx(expected["acc_mean"], abs=1e-12)
    assert result.accuracy_std == pytest.approx(expected["acc_std"], abs=1e-12)
    np.testing.assert_allclose(result.fold_thresholds, thresholds, rtol=0, atol=1e-9)
    assert result.threshold == pytest.approx(np.mean(thresholds), abs=1e-9)


# arcface_torch always adds the mirror image.
@pytest.mark.parametrize("official", ["lfw flip_sum", "xq flip_sum"], indirect=True)
def test_arcface_gives_the_official_metrics_on_real_faces(official):
    expected = official.expected["arcface_torch"]
    result = arcface(official.scores_N, official.pairs.genuine_N, official.pairs.folds_N)
    assert_equals_official(result, expected, 1 - np.array(expected["fold_best_threshold"]) / 2)


def test_xqlfw_gives_the_official_metrics_on_real_faces(official):
    expected = official.expected[f"xqlfw_{official.flip}"]
    result = xqlfw(official.scores_N, official.pairs.genuine_N, official.pairs.folds_N)
    assert_equals_official(result, expected, 1 - np.array(expected["fold_best_threshold"]))


def test_exact_gives_the_golden_metrics_on_real_faces(official):
    expected = official.expected[f"cosine_{official.flip}"]["kfold_data_thresholds"]["highest"]
    result = exact(official.scores_N, official.pairs.genuine_N, official.pairs.folds_N)
    assert_equals_official(result, expected, expected["fold_threshold"])


@pytest.mark.parametrize("official", ["lfw no_flip", "xq no_flip"], indirect=True)  # MagFace's evaluator never does
@pytest.mark.parametrize("subtract_mean", [True, False])
def test_magface_gives_the_official_metrics_on_real_faces(official, subtract_mean):
    pairs = official.pairs
    if subtract_mean:
        left, right = pairs.indices(official.names)
        embeddings = official.embeddings_ND
        result = magface(embeddings[left], embeddings[right], pairs.genuine_N, pairs.folds_N)
    else:
        result = magface_no_mean(official.scores_N, pairs.genuine_N, pairs.folds_N)
    expected = official.expected["magface_1v1"]["subtract_mean" if subtract_mean else "no_subtract_mean"]
    assert_equals_official(result, expected, np.cos(np.pi * np.array(expected["fold_best_threshold"])))


# arcface_torch always adds the mirror image.
@pytest.mark.parametrize("official", ["lfw flip_sum", "xq flip_sum"], indirect=True)
def test_arcface_torchs_own_tar_on_real_faces(official):
    expected = official.expected["arcface_torch"]["val_at_far_1e3"]
    result = arcface_tar_at_far(official.scores_N, official.pairs.genuine_N, official.pairs.folds_N)
    assert result.tar == pytest.approx(expected["val"], abs=1e-12)
    assert result.tar_std == pytest.approx(expected["val_std"], abs=1e-12)
    assert result.far == pytest.approx(expected["far"], abs=1e-12)
    np.testing.assert_allclose(result.fold_thresholds, expected["fold_threshold"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["on_a_plateau", "between_plateaus", "out_of_reach"])
def test_golden_edge_cases_of_the_official_tar(edge_cases, name):
    case = edge_cases[f"val_at_far_{name}"]
    given, expected = case["input"], case["expected"]
    folds = contiguous_folds(len(given["labels"]), given["folds"])
    result = tar_on_grid(given["squared_distances"], given["labels"], folds, given["far_target"])
    np.testing.assert_allclose(result.fold_thresholds, expected["fold_threshold"], rtol=0, atol=1e-9)
    assert (result.tar, result.far) == (expected["val"], expected["far"])


def test_golden_edge_cases_of_the_grid(edge_cases):
    for case in edge_cases.values():
        if case["metric"] != "arcface_torch_accuracy" or case["expected"] == "error":
            continue
        given, expected = case["input"], case["expected"]
        folds = contiguous_folds(len(given["labels"]), given["folds"])
        accuracies, thresholds = accuracy_on_grid(given["squared_distances"], given["labels"], folds, ARCFACE_GRID)
        np.testing.assert_allclose(accuracies, expected["fold_accuracy"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(thresholds, expected["fold_threshold"], rtol=0, atol=1e-9)
        if "accuracy_std" in expected:
            assert accuracies.mean() == pytest.approx(expected["accuracy_mean"], abs=1e-12)
            assert accuracies.std() == pytest.approx(expected["accuracy_std"], abs=1e-12)


def test_golden_edge_case_of_more_folds_than_pairs(edge_cases):
    given = edge_cases["more_folds_than_pairs"]["input"]
    with pytest.raises(FembError, match="2 pairs cannot fill 10 folds"):
        contiguous_folds(len(given["labels"]), given["folds"])
