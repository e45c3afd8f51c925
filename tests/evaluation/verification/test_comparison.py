"""Models that were verified on the same pairs, compared."""

from dataclasses import replace

import numpy as np
import pytest
from reports import overlapping_scores, scored

from femb_cli.evaluation.metrics.differences import Difference
from femb_cli.evaluation.metrics.intervals import Interval
from femb_cli.evaluation.text_column import TextColumn
from femb_cli.evaluation.verification import comparison
from femb_cli.evaluation.verification.comparison import Comparison, compare_models


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A model, a noisy one, and the first one on other pairs."""
    folder, scores = tmp_path_factory.mktemp("pairs"), overlapping_scores(400)
    noisy = (scores + np.random.default_rng(1).normal(0, 0.3, 400)).clip(-1, 1)
    return [scored(folder, scores, "plain"), scored(folder, noisy, "noisy"), scored(folder, scores[:200], "plain")]


def found(fnmr: float, low: float, high: float) -> Comparison:
    difference = Difference(0.1 + fnmr, 0.1, Interval(low, high, 0.95), larger_is_better=False)
    return Comparison("LFW", 0, 1, {"fnmr_at_fmr_1e-3": difference}, "bootstrap over pairs", 1000)


def test_models_are_compared_on_the_same_pairs_only(results):
    (only,) = compare_models(results)
    assert (only.first, only.second) == (0, 1)
    assert only.differences["auc"].better == 1
    assert only.differences.keys() == {"accuracy", "eer", "auc", "fnmr_at_fmr_1e-2"}, "100 impostor pairs have no 1e-3"
    assert compare_models(results[1:]) == []


def test_pairs_without_names_may_be_other_pairs(results):
    nobody = TextColumn.of(())
    unnamed = [replace(each, pairs=replace(each.pairs, left=nobody, right=nobody)) for each in results[:2]]
    assert compare_models(unnamed) == []


def test_the_document_names_models_metrics_and_intervals(results):
    document = compare_models(results)[0].to_json(results)
    assert document["first"] == {"result": 0, "model": "plain"}
    eer = document["differences"]["eer"]
    assert eer["difference"] == pytest.approx(results[0].metrics.eer - results[1].metrics.eer)
    assert eer["low"] <= eer["difference"] <= eer["high"] < 0
    assert eer["better"] == "first"


def test_no_difference_is_not_called_one():
    sentence = found(0.0, -0.001, 0.001).sentence("a", "b")
    assert sentence.startswith("On LFW, a and b reject equally many genuine pairs at FMR 1e-3 (95 % interval −0.10 to")


def test_the_better_model_is_the_subject_of_the_sentence():
    sentence = "On LFW, {} rejects 0.40 percentage points fewer genuine pairs than {} at FMR 1e-3"
    sentence += " (95 % interval 0.10 to 0.70): {} is better"
    assert found(-0.004, -0.007, -0.001).sentence("a", "b") == sentence.format("a", "b", "a")
    assert found(0.004, 0.001, 0.007).sentence("a", "b") == sentence.format("b", "a", "b")


def test_without_a_difference_the_pairs_cannot_tell():
    sentence = found(0.004, -0.001, 0.009).sentence("a", "b")
    assert sentence.endswith(
        "b rejects 0.40 percentage points fewer genuine pairs than a at FMR 1e-3"
        " (95 % interval −0.10 to 0.90): the pairs cannot tell them apart"
    )


def test_up_to_four_models_are_compared_each_with_each_and_more_with_the_first(results, monkeypatch):
    monkeypatch.setattr(comparison, "_RESAMPLES", 2)
    monkeypatch.setattr(comparison, "_FEWEST_RESAMPLES", 2)
    models = [replace(results[0], model=str(number)) for number in range(5)]
    couples = [(found.first, found.second) for found in compare_models(models[:4])]
    assert couples == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert [(found.first, found.second) for found in compare_models(models)] == [(0, 1), (0, 2), (0, 3), (0, 4)]


def test_long_lists_get_fewer_resamples():
    numbers = [comparison._num_resamples(num_pairs) for num_pairs in (20_000, 200_000, 400_000, 2_000_000)]
    assert numbers == [1000, 1000, 500, 200]
