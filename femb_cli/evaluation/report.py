"""A report of verification results: a page that needs nothing beside it, its figures, and the numbers for programs."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from femb_cli import __version__
from femb_cli.evaluation.metrics import roc_curve
from femb_cli.evaluation.plots import INK, ScoredSet, save_plots
from femb_cli.evaluation.score import VerificationFigures
from femb_cli.files import new_folder

_LONGEST_LABEL = 56


class Result(Protocol):
    """What a report needs of one model's outcome on one set of pairs."""

    @property
    def benchmark(self) -> str:
        """The set's name."""

    @property
    def title(self) -> str:
        """Its name in words."""

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def flip(self) -> str:
        """How mirror images were used: `none` or `sum`."""

    @property
    def figures(self) -> VerificationFigures:
        """The figures."""

    @property
    def scores_N(self) -> NDArray[np.float64]:
        """Cosine of every pair."""

    @property
    def genuine_N(self) -> NDArray[np.bool_]:
        """Whether it shows one person."""

    def to_json(self) -> dict[str, Any]:
        """The figures with what they are of; plain values."""


def write_report(report: Path, results: Sequence[Result], *, overwrite: bool = False) -> None:
    """Write `report.html`, `results.json` and the figures `roc`, `det` and `scores` (each .png and .svg) to a folder.

    Args:
        report: the folder; it appears when everything is in it.
        results: what to report, at least one, in the order of the table.
        overwrite: replace a folder that exists.

    Raises:
        FembError: the folder exists and `overwrite` is false, or cannot be made.
    """
    written = datetime.now(UTC)
    with new_folder(report, overwrite=overwrite) as folder:
        save_plots(folder, [_scored_set(result) for result in results])
        document = {
            "femb_version": __version__,
            "date": written.isoformat(timespec="seconds"),
            "results": [result.to_json() for result in results],
        }
        (folder / "results.json").write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        (folder / "report.html").write_text(_page(results, written, folder), encoding="utf-8")


def _scored_set(result: Result) -> ScoredSet:
    label = f"{result.model} · {result.benchmark}"
    if len(label) > _LONGEST_LABEL:
        # A path tells the most at its end.
        label = "…" + label[1 - _LONGEST_LABEL :]
    return ScoredSet(label, roc_curve(result.scores_N, result.genuine_N), result.figures.threshold)


def _page(results: Sequence[Result], written: datetime, folder: Path) -> str:
    names = "; ".join(f"{result.model} on {result.title}" for result in results)
    return _PAGE.substitute(
        date=f'<time datetime="{written:%Y-%m-%dT%H:%MZ}">{written:%Y-%m-%d %H:%M} UTC</time>',
        version=__version__,
        rows="\n".join(_row(result) for result in results),
        roc=_inline_svg(folder / "roc.svg", f"ROC curves, true accept rate over false accept rate: {names}"),
        det=_inline_svg(folder / "det.svg", f"DET curves, false non-match rate over false match rate: {names}"),
        scores=_inline_svg(folder / "scores.svg", f"Histograms of genuine and impostor scores: {names}"),
    )


def _row(result: Result) -> str:
    """The line of one result in the summary table."""
    figures = result.figures
    texts = (
        f'<th scope="row">{escape(result.title)}</th>',
        f'<td class="name">{escape(result.model)}</td>',
        f'<td class="name">{escape(result.flip)}</td>',
    )
    numbers = (
        f"{figures.num_pairs:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
        f"{100 * figures.accuracy:.2f} ± {100 * figures.accuracy_std:.2f}"
        f"<small>{escape(figures.protocol)}, {figures.num_folds} folds</small>",
        _tar(figures, "1e-2"),
        _tar(figures, "1e-3"),
        f"{100 * figures.eer:.2f}",
        f"{figures.auc:.4f}",
        f"{figures.threshold:.3f}",
    )
    return "<tr>" + "".join(texts) + "".join(f"<td>{number}</td>" for number in numbers) + "</tr>"


def _tar(figures: VerificationFigures, far: str) -> str:
    """A true accept rate in %, marked where the pairs are too few to allow a single false accept."""
    mark = "<sup>†</sup>" if figures.num_impostor < round(1 / float(far)) else ""
    return f"{100 * figures.tar_at_far[far]:.2f}{mark}"


def _inline_svg(path: Path, description: str) -> str:
    """An SVG as a part of the page: in the page's own ink, and with ids that no other figure uses."""
    svg = path.read_text(encoding="utf-8")
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{path.stem}-", svg[svg.index("<svg") :])
    svg = svg.replace(INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)


_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Face verification report</title>
<style>
:root { color-scheme: light dark; --ink: #24292f; --faint: #57606a; --line: #d0d7de; --paper: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --faint: #9da7b3; --line: #3d444d; --paper: #0d1117; }
}
body { margin: 0 auto; padding: 2rem 1rem 3rem; max-width: 66rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 0.5rem; font-size: 1.15rem; }
header p, figcaption, caption, small, footer { color: var(--faint); font-size: 0.875rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { caption-side: bottom; padding-top: 0.6rem; text-align: left; }
th, td { padding: 0.45rem 0.6rem; text-align: right; vertical-align: top; white-space: nowrap; }
thead th { border-bottom: 2px solid var(--ink); font-size: 0.875rem; vertical-align: bottom; }
tbody tr { border-bottom: 1px solid var(--line); }
th:first-child, .name { text-align: left; }
tbody th, td.name { min-width: 7rem; max-width: 18rem; white-space: normal; overflow-wrap: anywhere; }
tbody th { font-weight: 600; }
td small { display: block; }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0 2rem; }
figure { margin: 1rem 0 0; }
figure svg { display: block; width: 100%; height: auto; }
figure.panels { max-width: 46rem; }
footer { margin-top: 2.5rem; padding-top: 0.8rem; border-top: 1px solid var(--line); }
@media print { body { max-width: none; padding: 0; } figure, tr { break-inside: avoid; } }
</style>
</head>
<body>
<header>
<h1>Face verification report</h1>
<p>$date · femb $version</p>
</header>
<main>
<h2 id="summary">Summary</h2>
<div class="wide" role="region" aria-labelledby="summary" tabindex="0">
<table>
<caption>Accuracy, TAR and EER in %. † Too few impostor pairs for this FAR: not one false accept is allowed.</caption>
<thead><tr><th scope="col">Benchmark</th><th scope="col" class="name">Model</th><th scope="col" class="name">Flip</th>
<th scope="col">Pairs</th><th scope="col">Accuracy ± std</th><th scope="col">TAR at<br>FAR 1e-2</th>
<th scope="col">TAR at<br>FAR 1e-3</th><th scope="col">EER</th><th scope="col">AUC</th>
<th scope="col">Cosine<br>threshold</th></tr></thead>
<tbody>
$rows
</tbody>
</table>
</div>
<h2>Error rates</h2>
<div class="curves">
<figure>
$roc
<figcaption>ROC: true accept rate over false accept rate (logarithmic). A curve begins at its first false accept.
</figcaption>
</figure>
<figure>
$det
<figcaption>DET: false non-match rate over false match rate, on normal deviate axes; lower is better. A curve ends where
one of the rates is zero, and a set without errors leaves none.</figcaption>
</figure>
</div>
<h2>Scores</h2>
<figure class="panels">
$scores
<figcaption>Cosines of genuine and impostor pairs, each kind adding up to 100 %. The dotted line is the threshold of the
accuracy, averaged over the folds.</figcaption>
</figure>
<h2>How the numbers are defined</h2>
<p>A pair is accepted if the cosine of its two embeddings is at least the threshold. TAR at FAR is the largest share of
genuine pairs accepted by a threshold that accepts at most floor(FAR × impostor pairs) impostor pairs. Accuracy is the
mean over the folds, each judged by the threshold that is best on all other folds, and ± is the standard deviation over
the folds (dividing by their number).</p>
</main>
<footer>Beside this page: the figures as PNG and SVG, and all numbers in results.json.</footer>
</body>
</html>
""")
