"""The page of a report of runs."""

import re
from datetime import UTC, datetime

import pytest
from browser import look_at, needs_browser

from femb_cli.errors import FembError
from femb_cli.training.report.contents import read_runs
from femb_cli.training.report.write import render_run_report, write_run_report


@pytest.fixture(scope="module")
def page(paths) -> str:
    return render_run_report(read_runs(paths), datetime(2030, 1, 2, 3, 4, tzinfo=UTC), "femb report 'a & b'")


def test_the_page_needs_nothing_from_outside_and_shows_names_as_text(page):
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#|data:image/jpeg;base64,)|url\((?!#)|@import|<script|<b>""", page)
    assert "femb report &#39;a &amp; b&#39;" in page
    assert "data/<wbr>&lt;b&gt;people" in page


def test_each_metric_and_each_benchmark_has_a_described_figure(page):
    labels = re.findall(r'<svg role="img" aria-label="([^"]+)"', page)
    assert len(labels) == 7
    assert labels[5].startswith("Accuracy on lfw, over steps: arcface_1, magface_&lt;b&gt;")
    assert labels[6].startswith("Magnitudes of training images: arcface_1, magface_&lt;b&gt;")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_tables_show_the_best_result_and_the_settings(page):
    text = " ".join(re.sub("<[^>]+>", " ", page).split())
    assert "75.00 lfw, step 2" in text
    assert "1.0 100 % waiting" in text  # images per second, and the share of the time without one
    assert "header.margin 0.4" in text
    assert "Settings that all runs have in common" in text


def test_a_single_run_has_all_its_settings_and_no_comparison(paths):
    page = render_run_report(read_runs(paths[:1]), datetime.now(UTC), None)
    assert "All settings" in page
    assert "in which the runs differ" not in page


def test_a_file_that_exists_stays_without_overwrite(paths, tmp_path):
    file = tmp_path / "report.html"
    file.write_text("mine")
    with pytest.raises(FembError, match="exists already"):
        write_run_report(file, read_runs(paths))
    assert file.read_text() == "mine"


@needs_browser
def test_the_page_is_readable_on_a_phone_and_in_the_dark(page, tmp_path):
    views = look_at(page, tmp_path, dark=True)
    assert [view["requests"] for view in views] == [[], []]
    assert all(view["content_width"] <= view["width"] for view in views)
    assert [text for view in views for text in view["contrasts"] if text["contrast"] < 4.5] == []
    assert min(views[0]["targets"]) >= 44
    for view in views:
        assert [image["drawn"] for image in view["images"]] == [True, True]
        assert view["landmarks"] == [1, 1, 1]
        assert view["headers_without_scope"] == view["dangling_labels"] == view["unreachable_scrollers"] == 0
