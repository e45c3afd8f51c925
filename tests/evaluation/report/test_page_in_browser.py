"""The report in a real browser: what a person with a phone, a dark screen or a screen reader meets."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from itertools import pairwise
from pathlib import Path

import pytest
from reports import everything_known, overlapping_scores, scored

from femb_cli.evaluation.report.write import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

# The page stands in frames as wide as a phone and a desktop screen; what is found ends up as JSON in the document.
HARNESS = """<!doctype html><meta charset="utf-8">
<iframe srcdoc="{page}" width="390" height="800"></iframe><iframe srcdoc="{page}" width="1280" height="800"></iframe>
<pre id="found"></pre>
<script>
const luminance = colour => {{
  const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map(Number).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}};
const background = (view, element) => {{
  for (let e = element; e; e = e.parentElement) {{
    const colour = view.getComputedStyle(e).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour;
  }}
  return "rgb(255, 255, 255)";
}};
const contrasts = view => [...view.document.querySelectorAll("body *:not(svg *)")]
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
  .map(e => {{
    const [low, high] = [view.getComputedStyle(e).color, background(view, e)].map(luminance).sort((a, b) => a - b);
    return {{text: e.textContent.slice(0, 40), contrast: (high + 0.05) / (low + 0.05)}};
  }});
const look = view => {{
  const all = selector => [...view.document.querySelectorAll(selector)];
  for (const details of all("details")) details.open = true;
  const scrolls = e => e.scrollWidth > e.clientWidth + 1;
  return {{
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    requests: view.performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith("data:")),
    width: view.innerWidth,
    content_width: view.document.documentElement.scrollWidth,
    images: all("img").map(e => ({{alt: e.alt, drawn: e.naturalWidth > 0}})),
    metrics: all("svg").map(e => e.getAttribute("role") + ": " + e.getAttribute("aria-label")),
    headings: all("h1, h2, h3, h4").map(e => Number(e.tagName[1])),
    landmarks: ["header", "main", "footer"].map(name => all("body > " + name).length),
    headers_without_scope: all("th:not([scope])").length,
    unreachable_scrollers: all(".wide").filter(e => scrolls(e) && e.tabIndex !== 0).length,
    dangling_labels: all("[aria-labelledby], [aria-describedby]").filter(e =>
      [e.getAttribute("aria-labelledby"), e.getAttribute("aria-describedby")]
        .some(id => id && !view.document.getElementById(id))).length,
    language: view.document.documentElement.lang,
    targets: all("summary").map(e => e.getBoundingClientRect().height),
    contrasts: contrasts(view),
  }};
}};
addEventListener("load", () => {{
  document.getElementById("found").textContent = JSON.stringify([...document.querySelectorAll("iframe")]
    .map(frame => look(frame.contentWindow)));
}});
</script>"""


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
    folder: Path = tmp_path_factory.mktemp("view")
    (folder / "harness.html").write_text(HARNESS.format(page=escape(page)))
    scheme = 0 if request.param == "dark" else 1
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1800,900"]
    options += [f"--user-data-dir={folder}/profile", f"--blink-settings=preferredColorScheme={scheme}", "--dump-dom"]
    options += ["--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=5000"]
    command = [str(CHROMIUM), *options, f"file://{folder}/harness.html"]
    document = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    found = re.search('<pre id="found">(.+?)</pre>', document, re.DOTALL)
    assert found, document[-2000:]
    views = json.loads(unescape(found[1]))
    assert [view["dark"] for view in views] == [request.param == "dark"] * 2
    return views


def test_nothing_is_requested(views):
    assert [view["requests"] for view in views] == [[], []]


def test_the_page_does_not_scroll_sideways(views):
    assert [view["width"] for view in views] == [390, 1280]
    assert all(view["content_width"] <= view["width"] for view in views)


def test_every_picture_is_drawn_and_described(views):
    for view in views:
        assert len(view["images"]) == 16
        assert all(image["alt"] and image["drawn"] for image in view["images"])
        assert len(view["metrics"]) == 4
        assert all(figure.startswith("img: ") and len(figure) > 20 for figure in view["metrics"])


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
