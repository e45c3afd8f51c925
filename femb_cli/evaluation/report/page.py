"""The page of a report: what is known about the results, as HTML that needs nothing beside it."""

import platform
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from femb_cli import __version__
from femb_cli.evaluation.metrics.groups import Differential, GroupComparison
from femb_cli.evaluation.report.contents import ReportContents, Result
from femb_cli.evaluation.report.hardest import PicturedPair, split_by_kind
from femb_cli.evaluation.report.html_parts import (
    MISSING,
    breakable,
    count,
    data_uri,
    fact_table,
    inline_svg,
    percent,
    ratio,
    table,
)

_FALSE_ACCEPT_RATES = ("1e-2", "1e-3", "1e-4")


def page(
    results: Sequence[Result], extras: Sequence[ReportContents], *, written: datetime, command: str | None, folder: Path
) -> str:
    """Return the page's HTML.

    Args:
        results: what it reports, at least one.
        extras: what more is known, one for each result.
        written: time to state.
        command: command line that made the results, if it is known.
        folder: where the figures `roc.svg`, `det.svg`, `scores.svg` and, with a discard curve, `edc.svg` are.
    """
    both = list(zip(results, extras, strict=True))
    sections = [
        _summary(both),
        _curves(results, folder),
        _discard(both, folder),
        _groups(both),
        _hardest(both),
        _models(both),
        _DEFINITIONS,
        _origin(command),
    ]
    template = Template(files("femb_cli.evaluation.report").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        date=f'<time datetime="{written:%Y-%m-%dT%H:%MZ}">{written:%Y-%m-%d %H:%M} UTC</time>',
        version=escape(__version__),
        sections="\n".join(section for section in sections if section),
    )


def _unsupported_rates(num_impostor: int) -> list[str]:
    """The false accept rates at which so many impostor pairs allow no false accept at all."""
    return [far for far in _FALSE_ACCEPT_RATES if num_impostor < round(1 / float(far))]


def _summary(both: Sequence[tuple[Result, ReportContents]]) -> str:
    unsupported = [_unsupported_rates(result.metrics.num_impostor) for result, _ in both]
    # The first two rates are what people compare; the last one is shown where some set can show it.
    rates = _FALSE_ACCEPT_RATES if [] in unsupported else _FALSE_ACCEPT_RATES[:2]
    head = ["Benchmark", "Model", "Pairs", "Accuracy ± std", *(f"TAR at<br>FAR {far}" for far in rates)]
    notes = ["Accuracy, TAR and EER in %.", *_interval_notes(extra for _, extra in both)]
    if any(far in rates for some in unsupported for far in some):
        notes.append("† Too few impostor pairs for this FAR: not one false accept is allowed.")
    figures = table(
        "summary",
        [*head, "EER", "AUC", "Cosine<br>threshold"],
        [_summary_row(result, extra, rates) for result, extra in both],
        note=" ".join(notes),
        num_names=2,
    )
    return f'<h2 id="summary">Summary</h2>\n{figures}\n{_warnings(both)}'


def _summary_row(result: Result, extra: ReportContents, rates: Sequence[str]) -> list[str]:
    metrics, unsupported = result.metrics, _unsupported_rates(result.metrics.num_impostor)
    tars = [
        f"{100 * metrics.tar_at_far[far]:.2f}{'<sup>†</sup>' if far in unsupported else ''}"
        + _interval(extra, f"tar_at_far_{far}")
        for far in rates
    ]
    return [
        escape(result.title),
        f"{breakable(result.model)}<small>flip: {escape(result.flip)}</small>",
        f"{count(metrics.num_pairs)}",
        f"{100 * metrics.accuracy:.2f} ± {100 * metrics.accuracy_std:.2f}"
        + _interval(extra, "accuracy")
        + f"<small>{escape(metrics.protocol)}, {metrics.num_folds} folds</small>",
        *tars,
        f"{100 * metrics.eer:.2f}" + _interval(extra, "eer"),
        f"{metrics.auc:.4f}" + _interval(extra, "auc", scale=1.0, digits=4),
        f"{metrics.threshold:.3f}"
        + ("<small>of embeddings less their mean</small>" if metrics.protocol == "magface" else ""),
    ]


def _interval(extra: ReportContents, name: str, *, scale: float = 100.0, digits: int = 2) -> str:
    """The interval of a figure, below it, where it is known."""
    if name not in extra.intervals:
        return ""
    interval = extra.intervals[name]
    return f"<small>{scale * interval.low:.{digits}f} – {scale * interval.high:.{digits}f}</small>"


def _interval_notes(extras: Iterable[ReportContents]) -> list[str]:
    """What the intervals are, each kind once."""
    kinds = {(interval.level, extra.interval_kind) for extra in extras for interval in extra.intervals.values()}
    return [f"Below the figures: {100 * level:g} % intervals, {escape(kind)}." for level, kind in sorted(kinds)]


def _warnings(both: Sequence[tuple[Result, ReportContents]]) -> str:
    """A word on every set whose impostor pairs are too few for a false accept rate, and on odd pairs; each once."""
    lines = [_too_few(result.title, result.metrics.num_impostor) for result, _ in both]
    lines += [f"<strong>Note.</strong> {escape(warning)}" for _, extra in both for warning in extra.warnings]
    return "\n".join(f'<p class="warning">{line}</p>' for line in dict.fromkeys(lines) if line)


def _too_few(title: str, num_impostor: int) -> str:
    rates = [far for far in _unsupported_rates(num_impostor) if far in _FALSE_ACCEPT_RATES[:2]]
    if not rates:
        return ""
    # Without an error in n trials the 95 % bound is 3 / n: J. Hanley and A. Lippman-Hand, "If nothing goes wrong, is
    # everything all right?", JAMA 249, 1983.
    return (
        f"<strong>Too few impostor pairs.</strong> The {count(num_impostor)} of {escape(title)} cannot show an FMR of "
        f"{' or '.join(rates)}: even without one false match among them, it may be as high as "
        f"{percent(min(1.0, 3 / num_impostor))} (95 % confidence). Read TAR at these rates as TAR without a false "
        "accept in this list."
    )


def _curves(results: Sequence[Result], folder: Path) -> str:
    names = "; ".join(f"{result.model} on {result.title}" for result in results)
    return _CURVES.substitute(
        roc=inline_svg(folder / "roc.svg", f"ROC curves, true accept rate over false accept rate: {names}"),
        det=inline_svg(folder / "det.svg", f"DET curves, false non-match rate over false match rate: {names}"),
        scores=inline_svg(folder / "scores.svg", f"Histograms of genuine and impostor scores: {names}"),
    )


def _discard(both: Sequence[tuple[Result, ReportContents]], folder: Path) -> str:
    known = [(result, extra) for result, extra in both if extra.discard is not None]
    if not known:
        return ""
    names = "; ".join(f"{result.model} on {result.title}" for result, _ in known)
    svg = inline_svg(folder / "edc.svg", f"Error versus discard curves, FNMR over share of pairs discarded: {names}")
    rows = [
        [
            escape(result.title),
            breakable(result.model),
            escape(extra.quality),
            *(percent(_fnmr_after(extra, share)) for share in (0.0, 0.05, 0.1, 0.2)),
            *(
                (MISSING, MISSING)
                if (area := extra.discard_area) is None
                else (f"{area.area:.5f}", ratio(area.relative))
            ),
        ]
        for result, extra in known
    ]
    head = ["Benchmark", "Model", "Quality", "FNMR,<br>all pairs", "5 % gone", "10 % gone", "20 % gone"]
    areas = table("quality", [*head, "Area to<br>20 %", "relative"], rows, note=_DISCARD_NOTE, num_names=3)
    return f"""<h2 id="quality">Error versus discard</h2>
<figure class="single">
{svg}
<figcaption>FNMR of the pairs that are left when those of lowest quality are discarded, at the threshold for all pairs.
A pair's quality is the smaller of its two images'. A useful quality makes the curve fall.</figcaption>
</figure>
{areas}"""


def _fnmr_after(extra: ReportContents, share: float) -> float | None:
    """FNMR with this share discarded, on the line between the curve's points."""
    curve = extra.discard
    if curve is None or share > curve.discard_T[-1]:
        return None
    return float(np.interp(share, curve.discard_T, curve.fnmr_T))


def _groups(both: Sequence[tuple[Result, ReportContents]]) -> str:
    tables = [
        _group_table(f"group-{number}-{place}", result, comparison)
        for number, (result, extra) in enumerate(both, 1)
        for place, comparison in enumerate(extra.groups, 1)
    ]
    return "\n".join(["<h2>Groups</h2>", *tables]) if tables else ""


def _group_table(anchor: str, result: Result, comparison: GroupComparison) -> str:
    head = [
        escape(comparison.grouping),
        "Genuine<br>pairs",
        "FNMR",
        "Impostor<br>pairs",
        "FMR",
        f"TAR within,<br>at FAR {comparison.far:g}",
    ]
    rows = [
        [
            escape(group.name),
            count(group.num_genuine),
            f"{percent(group.fnmr)}<small>{count(group.false_non_matches)} wrong</small>",
            count(group.num_impostor),
            f"{percent(group.fmr, digits=3)}<small>{count(group.false_matches)} wrong</small>",
            percent(group.tar_within),
        ]
        for group in comparison.groups
    ]
    note = (
        f"FNMR and FMR at the threshold of all pairs for FAR {comparison.far:g}, cosine {comparison.threshold:.3f}."
        f"{_spread('FNMR', comparison.fnmr)}{_spread('FMR', comparison.fmr)}"
    )
    title = f"{escape(result.model)} on {escape(result.title)}, by {escape(comparison.grouping)}"
    return f'<h3 id="{anchor}">{title}</h3>\n' + table(anchor, head, rows, note=note, num_names=1)


def _spread(rate: str, spread: Differential | None) -> str:
    """How far the groups' rates lie apart, in a sentence."""
    if spread is None:
        return ""
    ends = f"highest for “{escape(spread.highest)}”, lowest for “{escape(spread.lowest)}”"
    return (
        f" {rate}: {ends}, ratio {ratio(spread.max_over_min)}; highest over geometric mean "
        f"{ratio(spread.max_over_geometric_mean)}; Gini coefficient {ratio(spread.gini)}."
    )


def _hardest(both: Sequence[tuple[Result, ReportContents]]) -> str:
    blocks = []
    for result, extra in both:
        for title, pairs in split_by_kind(extra.hardest):
            summary = f"<summary>{escape(result.model)} on {escape(result.title)}: {title}</summary>"
            pictures = "\n".join(_picture(pair) for pair in pairs)
            blocks.append(f'<details open>{summary}\n<div><ul class="pairs">\n{pictures}\n</ul></div></details>')
    return "\n".join(["<h2>Hardest pairs</h2>", *blocks]) if blocks else ""


def _picture(pair: PicturedPair) -> str:
    """Both images of a pair with its score and names."""
    images = "".join(
        f'<img src="{data_uri(image_HW3)}" width="{image_HW3.shape[1]}" height="{image_HW3.shape[0]}" '
        f'alt="{escape(name)}">'
        for name, image_HW3 in ((pair.left, pair.left_HW3), (pair.right, pair.right_HW3))
    )
    names = f"<small>{breakable(pair.left)}<br>{breakable(pair.right)}</small>"
    return f"<li>{images}<small>score {pair.score:.3f}</small>{names}</li>"


def _models(both: Sequence[tuple[Result, ReportContents]]) -> str:
    cards = {result.model: extra.card for result, extra in both if extra.card}
    blocks = [
        f"<details><summary>{escape(model)}</summary>\n<div>{fact_table(card.items())}</div></details>"
        for model, card in cards.items()
    ]
    return "\n".join(["<h2>Models</h2>", *blocks]) if blocks else ""


def _origin(command: str | None) -> str:
    """The command, and what ran it."""
    versions = {"femb": __version__, "Python": platform.python_version(), "NumPy": np.__version__}
    if "torch" in sys.modules:
        versions["PyTorch"] = str(sys.modules["torch"].__version__)
    line = f"<pre><code>{escape(command)}</code></pre>\n" if command else ""
    return (
        f"<h2>How this report was made</h2>\n{line}{fact_table([*versions.items(), ('System', platform.platform())])}"
    )


_CURVES = Template("""<h2>Error rates</h2>
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
</figure>""")

_DISCARD_NOTE = """Area: below the curve from 0 to 20 % discarded (both as shares, trapezoidal rule). Relative: the
same divided by 0.2 × FNMR of all pairs; 1 is what discarding at random gives, 0 is every failure found at once."""

_DEFINITIONS = """<h2>How the numbers are defined</h2>
<p>A pair is accepted if the cosine of its two embeddings is at least the threshold. TAR at FAR is the largest share of
genuine pairs accepted by a threshold that accepts at most floor(FAR × impostor pairs) impostor pairs. Accuracy is the
mean over the folds, each judged by the threshold that is best on all other folds, and ± is the standard deviation over
the folds (dividing by their number).</p>"""
