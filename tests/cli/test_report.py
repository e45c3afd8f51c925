"""`femb report`."""

import json
import shutil

import pytest


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "runs" / "trained")


def test_the_report_of_the_newest_run_is_one_file(femb, run, tmp_path):
    result = femb("report", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert (document["report"], document["runs"][0]["run"]) == ("report.html", "runs/trained")
    assert "Training report" in (tmp_path / "report.html").read_text()


def test_an_existing_file_stays_and_a_missing_run_is_one_line(femb, tmp_path):
    (tmp_path / "report.html").write_text("mine")
    assert femb("report").code == 1
    assert (tmp_path / "report.html").read_text() == "mine"
    result = femb("report", "nowhere", "-o", "other.html")
    assert (result.code, result.err.splitlines()[0]) == (1, "error: nowhere is not a run")
    assert not (tmp_path / "other.html").exists()
