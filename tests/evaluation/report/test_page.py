"""What the page of a report says."""

import re

import pytest
from reports import overlapping_scores, scored

from femb_cli.evaluation.report import page as page_module
from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.write import write_report


def test_the_table_shows_accuracy_with_its_spread_and_protocol(report, results):
    page, metrics = (report / "report.html").read_text(), results[0].metrics
    assert f"{100 * metrics.accuracy:.2f} ± {100 * metrics.accuracy_std:.2f}" in page
    assert "by the protocol exact, 10 folds" in page


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


def test_models_without_magnitudes_say_why_there_is_no_quality(results, tmp_path):
    write_report(tmp_path / "report", results[:1], [ReportContents(normalised=True)])
    page = (tmp_path / "report" / "report.html").read_text()
    assert "embeddings of plain are normalised, so that their magnitudes say nothing about quality" in page


@pytest.mark.parametrize(
    "text",
    [
        "<small>81.25 – 91.25</small>",
        "<small>50.00 – 75.00</small>",
        "<small>0.9765 – 0.9877</small>",
        "Below the metrics: 90 % intervals, bootstrap over pairs.",
        "a &lt;pair&gt; is listed twice",
        "Error versus discard curves, FNMR over share of pairs discarded: plain on Toys",
        "Toys &amp; dolls, by age &amp; make",
        '<th scope="row">&lt;old&gt;</th>',
        'alt="a/&lt;1&gt;.jpg"',
        "MIT &amp; others",
        "femb verify --pairs &#39;~/a &amp; b.csv&#39; --report full",
        "<td>~/start</td>",
        "On Toys &amp; dolls, plain rejects 0.40 percentage points fewer genuine pairs than _&lt;b&gt;&amp;$x_$ at FMR"
        " 1e-2 (95 % interval 0.10 to 0.70): plain is better.",
        "<td>−0.40</td>",
        "<td>−0.0100 to +0.0200</td>",
        "cannot tell",
        "<summary>Magnitudes of the embeddings</summary>",
        "images of lowest quality (magnitude)",
        "<small>12.5</small>",
        '<th scope="row">NumPy</th>',
    ],
)
def test_the_page_shows_what_is_known(full, text):
    assert text in (full / "report.html").read_text()


def test_headings_of_what_is_not_known_are_left_out(report):
    page = (report / "report.html").read_text()
    assert not re.search("<h2[^>]*>(Comparison|Quality|Groups|Hardest pairs|Models)<", page)
    assert re.findall('<a href="#([a-z]+)">', page) == ["summary", "curves", "about"]


def test_every_entry_of_the_contents_is_on_the_page(full):
    page = (full / "report.html").read_text()
    anchors = re.findall('<a href="#([a-z]+)">', page)
    assert anchors == ["summary", "comparison", "curves", "quality", "groups", "hardest", "about", "models"]
    assert all(f' id="{anchor}"' in page for anchor in anchors)


def test_no_home_directory_is_on_the_page(full):
    assert "alice" not in (full / "report.html").read_text()


def test_too_few_impostor_pairs_cause_a_warning(report, tmp_path):
    page = (report / "report.html").read_text()
    assert "The 100 impostor pairs of Toys &amp; dolls cannot show an FMR of 1e-3: even without one false match" in page
    assert "as high as 3.00 %" in page
    assert page_module._too_few_impostors(scored(tmp_path, overlapping_scores(2000), "plain")) is None
