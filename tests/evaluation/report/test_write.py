"""The report of verification results, and the lines of its metrics."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from reports import Scored, everything_known, overlapping_scores, scored

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.roc import roc_curve, tar_at_far
from femb_cli.evaluation.report.hardest import hardest_pairs
from femb_cli.evaluation.report.plots import det_line, normal_deviates, roc_line
from femb_cli.evaluation.report.write import write_report

FILES = {"report.html", "results.json"} | {
    f"{name}.{kind}" for name in ("roc", "det", "scores") for kind in ("png", "svg")
}


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> list[Scored]:
    folder = tmp_path_factory.mktemp("pairs")
    return [scored(folder, overlapping_scores(200), "plain"), scored(folder, overlapping_scores(300), "_<b>&$x_$")]


@pytest.fixture(scope="module")
def full(results, tmp_path_factory) -> Path:
    """A report with everything that it may show."""
    folder = tmp_path_factory.mktemp("reports") / "full"
    extras = [everything_known(result) for result in results]
    write_report(folder, results, extras, command="femb verify --pairs 'a & b.csv' --report full")
    return folder


@pytest.fixture(scope="module")
def report(results, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reports") / "report"
    write_report(folder, results)
    return folder


def test_a_report_is_a_page_its_figures_and_its_numbers(report):
    assert {path.name for path in report.iterdir()} == FILES
    assert all(path.stat().st_size for path in report.iterdir())


def test_the_numbers_are_those_of_the_results(report, results):
    document = json.loads((report / "results.json").read_text())
    assert document["results"] == [result.to_json() for result in results]


def test_the_table_shows_accuracy_with_its_spread_and_protocol(report, results):
    page, metrics = (report / "report.html").read_text(), results[0].metrics
    assert f"{100 * metrics.accuracy:.2f} ± {100 * metrics.accuracy_std:.2f}" in page
    assert "exact, 10 folds" in page


@pytest.mark.parametrize("kind", ["report", "full"])
def test_the_page_asks_for_nothing_from_outside(request, kind):
    page = (request.getfixturevalue(kind) / "report.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#|data:image/jpeg;base64,)|url\((?!#)|@import|<script""", page)


def test_the_page_shows_names_as_text(report):
    page = (report / "report.html").read_text()
    assert "_&lt;b&gt;&amp;$x_$" in page
    assert "Toys &amp; dolls" in page
    assert "<b>" not in page


def test_the_figures_of_a_page_share_no_id(report):
    page = (report / "report.html").read_text()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', page)) <= set(ids)


def test_each_figure_of_the_page_is_described(report):
    page = (report / "report.html").read_text()
    assert len(re.findall(r'<svg role="img" aria-label="[^"]+plain on Toys', page)) == page.count("<svg") == 3


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


def test_tar_rises_with_far_and_fnmr_falls_with_fmr(results):
    curve = roc_curve(results[0].scores_N, results[0].genuine_N)
    for (x_T, y_T), direction in ((roc_line(curve), 1), (det_line(curve), -1)):
        assert len(x_T) > 10
        assert np.all(np.diff(x_T) >= 0)
        assert np.all(direction * np.diff(y_T) >= 0)


def test_the_drawn_staircase_is_tar_at_far_everywhere(results):
    curve = roc_curve(results[0].scores_N, results[0].genuine_N)
    far_T, tar_T = roc_line(curve)
    for false_accepts in range(1, len(curve.impostor_I)):
        far = false_accepts / len(curve.impostor_I)
        assert tar_T[np.searchsorted(far_T, far + 1e-9) - 1] == pytest.approx(tar_at_far(curve, far).tar)


def test_a_set_without_errors_leaves_no_det_curve():
    assert len(det_line(roc_curve([0.9, 0.8, 0.1, 0.2], [True, True, False, False]))[0]) == 0


def test_normal_deviates_are_symmetric_and_infinite_at_the_ends():
    np.testing.assert_allclose(
        normal_deviates([0.0, 0.158655, 0.5, 0.841345, 1.0]), [-np.inf, -1.0, 0.0, 1.0, np.inf], atol=1e-5
    )


def test_extras_bring_their_figures_and_numbers(full, results):
    names = {path.name for path in full.iterdir()}
    extra_figures = {f"{name}.{kind}" for name in ("edc", "hardest_1", "hardest_2") for kind in ("png", "svg")}
    assert names == FILES | extra_figures
    document = json.loads((full / "results.json").read_text())
    assert document["command"] == "femb verify --pairs 'a & b.csv' --report full"
    assert document["results"] == [result.to_json() for result in results]
    assert document["extras"] == [everything_known(result).to_json() for result in results]


@pytest.mark.parametrize(
    "text",
    [
        "<small>81.25 – 91.25</small>",
        "<small>50.00 – 75.00</small>",
        "<small>0.9765 – 0.9877</small>",
        "Below the metrics: 90 % intervals, bootstrap over pairs.",
        "a &lt;pair&gt; is listed twice",
        "Error versus discard curves, FNMR over share of pairs discarded: plain on Toys",
        "plain on Toys &amp; dolls, by age &amp; make",
        '<th scope="row">&lt;old&gt;</th>',
        'alt="a/&lt;1&gt;.jpg"',
        "MIT &amp; others",
        "femb verify --pairs &#x27;a &amp; b.csv&#x27; --report full",
        '<th scope="row">NumPy</th>',
    ],
)
def test_the_page_shows_what_is_known(full, text):
    assert text in (full / "report.html").read_text()


def test_headings_of_what_is_not_known_are_left_out(report):
    page = (report / "report.html").read_text()
    assert not re.search("<h2[^>]*>(Error versus discard|Groups|Hardest pairs|Models)<", page)


def test_too_few_impostor_pairs_are_warned_of(report, tmp_path):
    page = (report / "report.html").read_text()
    assert "The 100 of Toys &amp; dolls cannot show an FMR of 1e-3: even without one false match" in page
    assert "as high as 3.00 %" in page
    write_report(tmp_path / "many", [scored(tmp_path, overlapping_scores(2000), "plain")])
    assert "Too few impostor pairs" not in (tmp_path / "many" / "report.html").read_text()


def test_the_hardest_pairs_are_those_most_wrongly_scored():
    genuine_places, impostor_places = hardest_pairs([0.5, 0.1, 0.1, 0.9, 0.3], [1, 1, 1, 0, 0], count=2)
    assert (genuine_places.tolist(), impostor_places.tolist()) == ([1, 2], [3, 4])
