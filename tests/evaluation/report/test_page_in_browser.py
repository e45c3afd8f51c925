"""The report in a real browser: what a person with a phone, a dark screen or a screen reader meets."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from browser import look_at, needs_browser
from reports import everything_known, overlapping_scores, scored

from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.write import write_report
from femb_cli.evaluation.verification.means import means_of_results

pytestmark = needs_browser


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("browser")
    models = ("plain", "runs/a_long_name_of_a_model_that_was_trained_for_a_long_time/checkpoints/step-000100")
    results = [scored(folder, overlapping_scores(200), model) for model in models]
    extras = [everything_known(result) for result in results]
    command = "femb verify " + " ".join(f"--model runs/model_{number}" for number in range(30))
    write_report(folder / "report", results, extras, command=command)
    return (folder / "report" / "report.html").read_text()


@pytest.fixture(scope="module", params=["light", "dark"])
def views(request, page, tmp_path_factory) -> list[dict]:
    """What the browser found, on a phone and on a desktop screen."""
    return look_at(page, tmp_path_factory.mktemp("view"), dark=request.param == "dark")


def test_nothing_is_requested(views):
    assert [view["requests"] for view in views] == [[], []]


def test_the_page_does_not_scroll_sideways(views):
    assert [view["width"] for view in views] == [390, 1280]
    assert all(view["content_width"] <= view["width"] for view in views)


def test_two_models_take_two_screens_before_a_part_is_unfolded(views):
    assert views[1]["folded_height"] < 2500


def test_a_link_of_the_contents_unfolds_what_it_leads_to(views):
    assert [view["folded_targets"] for view in views] == [[True] * 7] * 2


def test_every_picture_is_drawn_and_described(views):
    for view in views:
        assert len(view["images"]) == 20
        assert all(image["alt"] and image["drawn"] for image in view["images"])
        assert len(view["metrics"]) == 5
        assert all(figure.startswith("img: ") and len(figure) > 20 for figure in view["metrics"])


def test_text_of_the_figures_can_be_read_on_a_phone(views):
    assert min(views[0]["figure_text"]) >= 9


def test_headings_go_down_by_one_level_at_a_time(views):
    headings = views[0]["headings"]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))


def test_landmarks_labels_and_table_headers_are_there(views):
    for view in views:
        assert view["landmarks"] == [1, 1, 1]
        assert view["language"] == "en"
        assert view["headers_without_scope"] == view["dangling_labels"] == view["unreachable_scrollers"] == 0


def test_text_stands_out_from_its_background(views):
    for view in views:
        assert len(view["contrasts"]) > 100
        assert [text for text in view["contrasts"] if text["contrast"] < 4.5] == []


def test_what_can_be_tapped_is_large_enough(views):
    assert views[0]["targets"]
    assert min(views[0]["targets"]) >= 44


@pytest.mark.slow
def test_six_benchmarks_and_two_models_fit_two_screens_and_every_part_can_be_read(tmp_path):
    benchmarks = (
        "LFW View 2",
        "CFP-FP (frontal and profile)",
        "AgeDB-30",
        "CALFW",
        "CPLFW",
        "XQLFW (cross-quality LFW)",
    )
    results = [
        replace(scored(tmp_path, overlapping_scores(200), f"runs/model_{number}"), title=title, benchmark=title[:5])
        for title in benchmarks
        for number in range(2)
    ]
    extras = [everything_known(result) for result in results[:2]] + [ReportContents()] * 10
    write_report(tmp_path / "report", results, extras, means=means_of_results(results))
    page = (tmp_path / "report" / "report.html").read_text()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall('href="#([^"]+)"', page)) <= set(ids)
    for dark in (False, True):
        folder = tmp_path / ("dark" if dark else "light")
        folder.mkdir()
        phone, desktop = look_at(page, folder, dark=dark)
        assert desktop["folded_height"] < 2500
        for view in (phone, desktop):
            assert view["content_width"] <= view["width"]
            assert view["headings"].count(1) == 1
            assert all(after <= before + 1 for before, after in pairwise(view["headings"]))
            assert view["headers_without_scope"] == view["dangling_labels"] == view["unreachable_scrollers"] == 0
            assert [text for text in view["contrasts"] if text["contrast"] < 4.5] == []
            assert view["requests"] == []
            assert all(view["folded_targets"])
            assert len(view["regions"]) == len(set(view["regions"]))
        assert min(phone["targets"]) >= 44
        assert min(phone["figure_text"]) >= 9
