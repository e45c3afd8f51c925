"""The parts of a report."""

from types import SimpleNamespace

import pytest

from femb_cli.evaluation.report.parts import parts_of


def results(*benchmarks, models=2):
    return [
        SimpleNamespace(title=name.upper(), benchmark=name, model=f"model {number}")
        for name in benchmarks
        for number in range(models)
    ]


@pytest.mark.parametrize(("benchmarks", "models"), [("ab", 2), ("abcdef", 1)])
def test_few_results_share_their_figures(benchmarks, models):
    (part,) = parts_of(results(*benchmarks, models=models))
    assert (part.title, part.suffix, part.places) == ("", "", tuple(range(len(benchmarks) * models)))


@pytest.mark.parametrize(("benchmarks", "models"), [("abc", 2), ("abcdefg", 1)])
def test_many_results_do_not(benchmarks, models):
    assert len(parts_of(results(*benchmarks, models=models))) == len(benchmarks)


def test_many_results_of_several_benchmarks_have_figures_each():
    parts = parts_of(results("lfw", "own list/a.csv", "own list_a.csv", "calfw"))
    assert [part.title for part in parts] == ["LFW", "OWN LIST/A.CSV", "OWN LIST_A.CSV", "CALFW"]
    assert [part.suffix for part in parts] == ["_lfw", "_own_list_a.csv", "_own_list_a.csv_3", "_calfw"]
    assert parts[1].places == (2, 3)


@pytest.mark.parametrize("models", [7, 30])
def test_many_models_on_one_benchmark_stay_together(models):
    assert len(parts_of(results("lfw", models=models))) == 1
