"""What the page of a report says."""

import re

import pytest
from reports import overlapping_scores, scored

from femb_cli.evaluation.report.write import write_report


def test_the_table_shows_accuracy_with_its_spread_and_protocol(report, results):
    page, metrics = (report / "report.html").read_text(), results[0].metrics
    assert f"{100 * metrics.accuracy:.2f} ± {100 * metrics.accuracy_std:.2f}" in page
    assert "exact, 10 folds" in page


@pytest.mark.parametrize("kind", ["report", "full"])
def test_the_page_needs_nothing_from_outside(request, kind):
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
        "femb verify --pairs &#39;a &amp; b.csv&#39; --report full",
        '<th scope="row">NumPy</th>',
    ],
)
def test_the_page_shows_what_is_known(full, text):
    assert text in (full / "report.html").read_text()


def test_headings_of_what_is_not_known_are_left_out(report):
    page = (report / "report.html").read_text()
    assert not re.search("<h2[^>]*>(Error versus discard|Groups|Hardest pairs|Models)<", page)


def test_too_few_impostor_pairs_cause_a_warning(report, tmp_path):
    page = (report / "report.html").read_text()
    assert "The 100 impostor pairs of Toys &amp; dolls cannot show an FMR of 1e-3: even without one false match" in page
    assert "as high as 3.00 %" in page
    write_report(tmp_path / "many", [scored(tmp_path, overlapping_scores(2000), "plain")])
    assert "Too few impostor pairs" not in (tmp_path / "many" / "report.html").read_text()
