"""`femb report`."""

import json
import shutil

import pytest
from leaderboards import entry

from femb_cli.evaluation.leaderboard import add_to_leaderboard
from femb_cli.progress import silent


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "runs" / "trained")


def test_the_report_of_the_newest_run_is_one_file(femb, run, tmp_path):
    result = femb("report", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert (document["report"], document["runs"][0]["run"]) == ("report.html", "runs/trained")
    assert "Training report" in (tmp_path / "report.html").read_text()


def test_a_report_without_runs_named_says_how_many_it_leaves_out(femb, run):
    shutil.copytree(run, run.with_name("other"))
    said = femb("report", "--dry-run").err
    assert "is 1 of 2 runs: femb report runs/*/ compares all" in said
    assert "of 2 runs" not in femb("report", run, "--dry-run").err


def test_an_existing_file_stays_and_a_missing_run_is_one_line(femb, tmp_path):
    (tmp_path / "report.html").write_text("mine")
    assert femb("report").code == 1
    assert (tmp_path / "report.html").read_text() == "mine"
    result = femb("report", "nowhere", "-o", "other.html")
    assert (result.code, result.err.splitlines()[0]) == (1, "error: nowhere is not a run")
    assert not (tmp_path / "other.html").exists()


def test_the_leaderboard_is_beside_the_runs(femb, run, tmp_path):
    rows = [entry("a<b>", "lfw", accuracy=0.9912), entry("a<b>", "calfw"), entry("c", "lfw", protocol="exact")]
    add_to_leaderboard(tmp_path / "runs" / "leaderboard.csv", rows, silent)
    result = femb("report", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["leaderboard"] == "runs/leaderboard.csv"
    page = (tmp_path / "report.html").read_text()
    assert '<h2 id="leaderboard">Leaderboard</h2>' in page
    assert "a&lt;b&gt;" in page and "99.12<small>20.00</small>" in page
    assert "lfw: the rows differ in protocol or number of pairs" in result.err


def test_a_leaderboard_needs_no_run(femb, tmp_path):
    add_to_leaderboard(tmp_path / "board.csv", [entry("c", "lfw")], silent)
    result = femb("report", "--leaderboard", "board.csv")
    assert (result.code, result.out) == (0, "report.html: board.csv\n")
    assert "Runs</h2>" not in (tmp_path / "report.html").read_text()
    assert femb("report", "--leaderboard", "none.csv", "-o", "other.html").code == 1
