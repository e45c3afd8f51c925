"""The report of verifications: its files and its numbers."""

import json

import numpy as np
import pytest
from reports import everything_known, scored

from femb_cli.errors import FembError
from femb_cli.evaluation.report.write import write_report

FILES = {"report.html", "results.json"} | {
    f"{name}.{kind}" for name in ("roc", "det", "scores") for kind in ("png", "svg")
}


def test_a_report_is_a_page_its_figures_and_its_numbers(report):
    assert {path.name for path in report.iterdir()} == FILES
    assert all(path.stat().st_size for path in report.iterdir())


def test_the_numbers_are_those_of_the_results(report, results):
    document = json.loads((report / "results.json").read_text())
    assert document["results"] == [result.to_json() for result in results]


def test_an_existing_folder_is_kept_unless_it_may_be_replaced(tmp_path, results):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "old.txt").write_text("old")
    with pytest.raises(FembError, match="exists already"):
        write_report(folder, results[:1])
    assert [path.name for path in folder.iterdir()] == ["old.txt"]
    write_report(folder, results[:1], overwrite=True)
    assert {path.name for path in folder.iterdir()} == FILES


@pytest.mark.parametrize(
    "scores",
    [np.tile([0.9, 0.1], 50), np.array([0.7, 0.1, 0.2, 0.4]), np.full(4, 0.5)],
    ids=["perfectly separated", "four pairs", "all equal"],
)
def test_a_report_of_few_or_extreme_scores_can_be_drawn(tmp_path, scores):
    write_report(tmp_path / "report", [scored(tmp_path, scores, "model")])
    assert (tmp_path / "report" / "report.html").is_file()


def test_extras_bring_their_figures_and_numbers(full, results):
    names = {path.name for path in full.iterdir()}
    extra_figures = {f"{name}.{kind}" for name in ("edc", "hardest_1", "hardest_2") for kind in ("png", "svg")}
    assert names == FILES | extra_figures
    document = json.loads((full / "results.json").read_text())
    assert document["command"] == "femb verify --pairs 'a & b.csv' --report full"
    assert document["results"] == [result.to_json() for result in results]
    assert document["extras"] == [everything_known(result).to_json() for result in results]
