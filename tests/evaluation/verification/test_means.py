"""Means over benchmarks."""

import pytest

from femb_cli.evaluation.verification.means import mean_figures


def test_means_are_over_what_every_model_has():
    figures = {
        ("a", "lfw"): {"accuracy": 0.8},
        ("a", "calfw"): {"accuracy": 0.6},
        ("a", "xqlfw"): {"accuracy": 0.1},
        ("b", "calfw"): {"accuracy": 1.0},
        ("b", "lfw"): {"accuracy": 0.5},
    }
    means = mean_figures(figures)
    assert means.benchmarks == ("lfw", "calfw")
    assert means.to_json()["models"] == {"a": {"accuracy": pytest.approx(0.7)}, "b": {"accuracy": 0.75}}


@pytest.mark.parametrize("figures", [{}, {("a", "lfw"): {"auc": 1.0}}])
def test_one_benchmark_has_no_mean(figures):
    assert mean_figures(figures).by_model == {}
