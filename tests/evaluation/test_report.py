"""The report of verification results, and the lines of its figures."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics import roc_curve, tar_at_far
from femb_cli.evaluation.pairs import read_pairs
from femb_cli.evaluation.plots import det_line, normal_deviates, roc_line
from femb_cli.evaluation.report import write_report
from femb_cli.evaluation.score import VerificationFigures, score_pairs

FILES = {"report.html", "results.json"} | {
    f"{name}.{kind}" for name in ("roc", "det", "scores") for kind in ("png", "svg")
}


@dataclass(frozen=True)
class Scored:
    benchmark: str
    title: str
    model: str
    flip: str
    figures: VerificationFigures
    scores_N: np.ndarray
    genuine_N: np.ndarray

    def to_json(self) -> dict[str, Any]:
        return {"benchmark": self.benchmark, "model": self.model, "flip": self.flip, **self.figures.to_json()}


def scored(folder: Path, scores: np.ndarray, model: str) -> Scored:
    """The scores belong to a genuine and an impostor pair in turn."""
    path = folder / "pairs.csv"
    path.write_text("ref,probe,mated\n" + "a/1.jpg,a/2.jpg,1\na/1.jpg,b/1.jpg,0\n" * (len(scores) // 2))
    pairs = read_pairs(path)
    figures = score_pairs(scores, pairs, "exact")
    return Scored("toys", "Toys & dolls", model, "sum", figures, scores, pairs.genuine_N)


def overlapping_scores(num_pairs: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    means = np.where(np.arange(num_pairs) % 2 == 0, 0.4, 0.0)
    return generator.normal(means, 0.15).clip(-1.0, 1.0)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> list[Scored]:
    folder = tmp_path_factory.mktemp("pairs")
    return [scored(folder, overlapping_scores(200), "plain"), scored(folder, overlapping_scores(300), "_<b>&$x_$")]


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
    page, figures = (report / "report.html").read_text(), results[0].figures
    assert f"{100 * figures.accuracy:.2f} ± {100 * figures.accuracy_std:.2f}" in page
    assert "exact, 10 folds" in page


def test_the_page_asks_for_nothing_from_outside(report):
    page = (report / "report.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)|url\((?!#)|@import""", page)


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
