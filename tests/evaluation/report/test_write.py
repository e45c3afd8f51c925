"""The report of verifications: its files and its numbers."""

import json
import re

import pytest
from PIL import Image
from reports import everything_known

from femb_cli.errors import FembError
from femb_cli.evaluation.report.write import write_report

KINDS = ("png", "svg", "pdf")
FILES = {"report.html", "results.json", "table.csv", "table.tex", "methods.txt"} | {
    f"{name}.{kind}" for name in ("roc", "det", "scores") for kind in KINDS
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


def test_extras_bring_their_figures_and_numbers(full, results, difference):
    names = {path.name for path in full.iterdir()}
    extra = ("edc", "magnitudes", "hardest_1", "hardest_2", "quality_1", "quality_2")
    assert names == FILES | {f"{name}.{kind}" for name in extra for kind in KINDS} | {"groups.csv"}
    document = json.loads((full / "results.json").read_text())
    assert document["command"] == "femb verify --pairs '/home/alice/a & b.csv' --report full"
    assert document["results"] == [{**result.to_json(), **everything_known(result).to_json()} for result in results]
    assert document["comparisons"] == [difference.to_json(results)]


def test_every_figure_is_as_wide_as_a_column_and_embeds_its_fonts(full):
    for path in full.glob("*.pdf"):
        pdf = path.read_bytes()
        assert re.search(rb"/MediaBox \[ ?0 0 252 [0-9.]+ ?\]", pdf), path.name
        assert b"/FontFile2" in pdf and b"/Type3" not in pdf and b"CreationDate" not in pdf
    for path in full.glob("*.png"):
        assert Image.open(path).width == 1050, path.name
