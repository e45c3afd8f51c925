"""Look at a page in a real browser: what a person with a phone, a dark screen or a screen reader meets."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

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
  const folded_height = view.document.documentElement.scrollHeight;
  const folded_targets = all("nav a").map(link => {{
    view.location.hash = link.hash;
    const part = view.document.getElementById(link.hash.slice(1)).closest("details");
    return part === null || part.open;
  }});
  for (const details of all("details")) details.open = true;
  const scrolls = e => e.scrollWidth > e.clientWidth + 1;
  return {{
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    requests: view.performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith("data:")),
    width: view.innerWidth,
    folded_height,
    folded_targets,
    content_width: view.document.documentElement.scrollWidth,
    images: all("img").map(e => ({{alt: e.alt, drawn: e.naturalWidth > 0}})),
    metrics: all("svg").map(e => e.getAttribute("role") + ": " + e.getAttribute("aria-label")),
    headings: all("h1, h2, h3, h4").map(e => Number(e.tagName[1])),
    landmarks: ["header", "main", "footer"].map(name => all("body > " + name).length),
    headers_without_scope: all("th:not([scope])").length,
    unreachable_scrollers: all(".wide").filter(e => scrolls(e) && e.tabIndex !== 0).length,
    dangling_labels: all("[aria-labelledby], [aria-describedby]").filter(e =>
      [e.getAttribute("aria-labelledby"), e.getAttribute("aria-describedby")]
        .some(ids => ids && ids.split(" ").some(id => !view.document.getElementById(id)))).length,
    regions: all('[role="region"]').map(e => e.getAttribute("aria-labelledby").split(" ")
      .map(id => view.document.getElementById(id).textContent).join(" ")),
    language: view.document.documentElement.lang,
    // Figures are drawn with text of 8 points: its height in pixels.
    figure_text: all("svg").map(e => 8 * e.getBoundingClientRect().width / e.viewBox.baseVal.width),
    targets: all("summary, nav a").map(e => e.getBoundingClientRect().height),
    contrasts: contrasts(view),
  }};
}};
addEventListener("load", () => {{
  document.getElementById("found").textContent = JSON.stringify([...document.querySelectorAll("iframe")]
    .map(frame => look(frame.contentWindow)));
}});
</script>"""

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


def look_at(page: str, folder: Path, *, dark: bool) -> list[dict]:
    """Open a page; return what the browser finds on a phone and on a desktop screen."""
    (folder / "harness.html").write_text(HARNESS.format(page=escape(page)))
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1800,900"]
    options += [f"--user-data-dir={folder}/profile", f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    options += ["--dump-dom", "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=5000"]
    command = [str(CHROMIUM), *options, f"file://{folder}/harness.html"]
    document = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    found = re.search('<pre id="found">(.+?)</pre>', document, re.DOTALL)
    assert found, document[-2000:]
    views = json.loads(unescape(found[1]))
    assert [view["dark"] for view in views] == [dark] * 2
    return views
