"""Plots of scored pairs, for a page or a paper: ROC, DET, histograms, error versus discard, the hardest pairs.

DET: A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997. Both error rates
are on normal deviate axes, on which normally distributed scores give a straight line. Colours: M. Okabe and K. Ito,
"Color Universal Design", 2008, without yellow, which is faint on white, and without black, the colour of the text.

Shape suffixes: T points of a curve.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.evaluation.metrics.quality import DiscardCurve
from femb_cli.evaluation.metrics.roc import RocCurve, roc_points
from femb_cli.evaluation.report.hardest import PicturedPair, split_by_kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Line = tuple[NDArray[np.float64], NDArray[np.float64]]

INK = "#24292f"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
# 5 dashes and 6 colours have no common divisor, so that 30 curves differ in one of the two.
_DASHES = ((), (5, 1.5), (1.2, 1.2), (6, 1.5, 1.2, 1.5), (9, 2.5))
_DET_RATES = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99, 0.999)
_BINS = 80
_PAIRS_PER_ROW = 3
_LONGEST_NAME = 30
# Any, because the type of the keys depends on the version of matplotlib.
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "axes.unicode_minus": True,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.alpha": 0.3,
    "grid.color": "#8c959f",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "lines.linewidth": 1.7,
    "svg.fonttype": "path",
    "svg.hashsalt": "femb",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True, eq=False)
class ScoredSet:
    """One model's scores on one set of pairs.

    Attributes:
        label: its name in the legends.
        curve: its sorted scores.
        threshold: lowest cosine at which a pair is accepted; None if the protocol has no threshold on the cosines.
    """

    label: str
    curve: RocCurve
    threshold: float | None


def save_plots(folder: Path, sets: Sequence[ScoredSet]) -> None:
    """Write `roc`, `det` and `scores` to a directory, each as PNG (200 dpi, on white) and as SVG (transparent).

    Args:
        folder: an existing directory.
        sets: what to plot, at least one. Curves of all sets are in the same axes, histograms below each other.
    """
    with plot_style():
        for name, figure in (("roc", draw_roc(sets)), ("det", draw_det(sets)), ("scores", draw_scores(sets))):
            _save(folder, name, figure)


def save_discard_plot(folder: Path, curves: Sequence[tuple[str, DiscardCurve]]) -> None:
    """Write `edc` as `save_plots` does.

    Args:
        folder: an existing directory.
        curves: name in the legend and curve, at least one.
    """
    with plot_style():
        _save(folder, "edc", draw_discard(curves))


def save_pair_sheet(folder: Path, name: str, pairs: Sequence[PicturedPair]) -> None:
    """Write a sheet with the images of pairs, at least one, as `save_plots` does."""
    with plot_style():
        _save(folder, name, draw_pair_sheet(pairs))


def roc_line(curve: RocCurve) -> Line:
    """Return FAR (T,) and TAR (T,), both ascending, from the first false accept on."""
    points = roc_points(curve)
    measured = points.fmr_T > 0.0
    return _corners(points.fmr_T[measured], 1.0 - points.fnmr_T[measured])


def det_line(curve: RocCurve) -> Line:
    """Return FMR (T,), ascending, and FNMR (T,), descending, where neither is 0; no points without errors."""
    points = roc_points(curve)
    measured = (points.fmr_T > 0.0) & (points.fnmr_T > 0.0)
    return _corners(points.fmr_T[measured], points.fnmr_T[measured])


def normal_deviates(rates_T: ArrayLike) -> NDArray[np.float64]:
    """Return the standard normal quantile of each rate; minus and plus infinity at 0 and 1."""
    quantile = NormalDist().inv_cdf
    infinite = {0.0: -np.inf, 1.0: np.inf}
    rates = np.asarray(rates_T, dtype=np.float64).tolist()
    return np.array([infinite[rate] if rate in infinite else quantile(rate) for rate in rates])


def draw_roc(sets: Sequence[ScoredSet]) -> "Figure":
    """Draw TAR over FAR, with a logarithmic FAR axis."""
    figure, axes = _square_figure(len(sets))
    lines = [roc_line(scored.curve) for scored in sets]
    for index, (far_T, tar_T) in enumerate(lines):
        axes.plot(far_T, 100 * tar_T, drawstyle="steps-post", clip_on=False, **line_style(index))
    worst_miss = max(1.0 - tar_T[0] for _, tar_T in lines)
    lowest = max(0.0, 1.0 - 1.15 * max(worst_miss, 0.02))
    axes.set(xscale="log", xlabel="False accept rate (FAR)", ylabel="True accept rate (TAR) in %")
    axes.set(xlim=(min(0.1, *(far_T[0] / 1.3 for far_T, _ in lines)), 1.0), ylim=(100 * lowest, 100.0))
    label_below(figure, axes, [scored.label for scored in sets])
    return figure


def draw_det(sets: Sequence[ScoredSet]) -> "Figure":
    """Draw FNMR over FMR, both on normal deviate axes."""
    figure, axes = _square_figure(len(sets))
    lines = [det_line(scored.curve) for scored in sets]
    for index, (fmr_T, fnmr_T) in enumerate(lines):
        axes.plot(normal_deviates(fmr_T), normal_deviates(fnmr_T), drawstyle="steps-post", **line_style(index))
    _scale_det(axes, [line for line in lines if len(line[0])])
    axes.set(xlabel="False match rate (FMR) in %", ylabel="False non-match rate (FNMR) in %")
    labels = [
        scored.label if len(fmr_T) else f"{scored.label} (no errors)"
        for scored, (fmr_T, _) in zip(sets, lines, strict=True)
    ]
    label_below(figure, axes, [*labels, "FMR = FNMR (EER)"])
    return figure


def draw_scores(sets: Sequence[ScoredSet]) -> "Figure":
    """Draw histograms of the cosines of genuine and of impostor pairs, one panel for each set."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 0.8 + 1.7 * len(sets)))
    panels = figure.subplots(len(sets), sharex=True, squeeze=False)[:, 0]
    edges = _bin_edges(sets)
    for scored, axes in zip(sets, panels, strict=True):
        _draw_histogram(axes, scored.curve.impostor_I, edges, _COLOURS[1], (0, (4, 1.5)), "impostor pairs")
        _draw_histogram(axes, scored.curve.genuine_G, edges, _COLOURS[0], "-", "genuine pairs")
        axes.set_title(scored.label, loc="left", parse_math=False)
        if scored.threshold is not None:
            axes.axvline(scored.threshold, color=INK, linewidth=1.1, linestyle=(0, (1, 1.5)), label="mean threshold")
            axes.set_title(f"threshold {scored.threshold:.3f}", loc="right")
        axes.set(ylim=(0.0, None), xlim=(edges[0], edges[-1]), ylabel="% of each kind")
    panels[-1].set_xlabel("Cosine")
    figure.align_ylabels()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def draw_discard(curves: Sequence[tuple[str, DiscardCurve]]) -> "Figure":
    """Draw the FNMR of the remaining pairs over the share of pairs discarded."""
    figure, axes = _square_figure(len(curves))
    for index, (_, curve) in enumerate(curves):
        axes.plot(100 * curve.discard_T, 100 * curve.fnmr_T, **line_style(index))
    axes.set(xlabel="Pairs discarded, lowest quality first, in %", ylabel="FNMR of the remaining pairs in %")
    axes.set(xlim=(0.0, None), ylim=(0.0, None))
    label_below(figure, axes, [label for label, _ in curves])
    return figure


def draw_pair_sheet(pairs: Sequence[PicturedPair]) -> "Figure":
    """Draw pairs side by side, genuine pairs above impostor pairs, each with its score and its names."""
    from matplotlib.figure import Figure

    rows = [
        (title if start == 0 else "", members[start : start + _PAIRS_PER_ROW])
        for title, members in split_by_kind(pairs)
        for start in range(0, len(members), _PAIRS_PER_ROW)
    ]
    figure = Figure(figsize=(7.2, 0.2 + 1.7 * len(rows)))
    cells = figure.subplots(len(rows), _PAIRS_PER_ROW, squeeze=False)
    for (title, members), row in zip(rows, cells, strict=True):
        for axes in row:
            axes.set_axis_off()
        for pair, axes in zip(members, row, strict=False):
            _draw_pair(axes, pair)
        row[0].set_title(f"{title}\n\n{members[0].score:.3f}" if title else f"{members[0].score:.3f}", loc="left")
    return figure


def plot_style() -> AbstractContextManager[None]:
    """A context in which matplotlib draws in the style of all plots."""
    import matplotlib

    return matplotlib.rc_context(_STYLE)


def save_svg(file: Path, figure: "Figure") -> None:
    """Write a figure as SVG, transparent and without a date."""
    figure.savefig(file, transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))


def line_style(index: int) -> dict[str, Any]:
    """Return colour and dashes of the curve with this index; the dashes tell curves apart without colour."""
    return {"color": _COLOURS[index % len(_COLOURS)], "dashes": _DASHES[index % len(_DASHES)]}


def label_below(figure: "Figure", axes: "Axes", labels: Sequence[str]) -> None:
    """Put the legend of the curves below the axes, where it hides no curve."""
    legend = figure.legend(axes.get_lines(), [""] * len(labels), loc="outside lower center")
    for text, label in zip(legend.get_texts(), labels, strict=True):
        # Set afterwards: matplotlib leaves out labels with a leading underscore, and reads $ as mathematics.
        text.set(text=label, parse_math=False)


def _save(folder: Path, name: str, figure: "Figure") -> None:
    figure.savefig(folder / f"{name}.png", dpi=200, facecolor="white")
    save_svg(folder / f"{name}.svg", figure)


def _draw_pair(axes: "Axes", pair: PicturedPair) -> None:
    """Draw both images side by side, with the score above and the names below."""
    axes.imshow(pair.left_HW3, extent=(0.0, 1.0, 0.0, 1.0))
    axes.imshow(pair.right_HW3, extent=(1.04, 2.04, 0.0, 1.0))
    axes.set(xlim=(0.0, 2.04), ylim=(0.0, 1.0))
    axes.set_title(f"{pair.score:.3f}", loc="left")
    for x, name in ((0.0, pair.left), (1.04, pair.right)):
        short = name.rsplit("/", 1)[-1]
        short = short if len(short) <= _LONGEST_NAME else "…" + short[1 - _LONGEST_NAME :]
        axes.text(x, -0.05, short, fontsize=4.5, va="top", parse_math=False)


def _corners(x_T: NDArray[np.float64], y_T: NDArray[np.float64]) -> Line:
    """The corners and the ends of a staircase: drawing it needs no other points."""
    turns = np.ones(len(x_T), dtype=bool)
    level, steep = np.diff(y_T) == 0.0, np.diff(x_T) == 0.0
    turns[1:-1] = ~(level[:-1] & level[1:]) & ~(steep[:-1] & steep[1:])
    return x_T[turns], y_T[turns]


def _square_figure(num_lines: int) -> "tuple[Figure, Axes]":
    """A figure with a square plot and room for the lines of the legend below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 4.6 + 0.2 * num_lines))
    return figure, figure.add_subplot()


def _scale_det(axes: "Axes", lines: Sequence[Line]) -> None:
    """Fit the axes to the measured rates (FMR up to one half), label them with rates, and draw the diagonal."""
    lowest = min([0.01, *(rate for fmr_T, fnmr_T in lines for rate in (fmr_T[0], fnmr_T[-1]))])
    highest = max([0.5, *(min(fnmr_T[0], 0.95) for _, fnmr_T in lines)])
    low, middle, high = normal_deviates([lowest / 1.2, 0.5, highest])
    ticks, labels = normal_deviates(_DET_RATES), [f"{100 * rate:g}" for rate in _DET_RATES]
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    axes.plot([low, middle], [low, middle], color=INK, alpha=0.6, linewidth=0.8, dashes=(1, 3))
    axes.set(xlim=(low, middle), ylim=(low, high + 0.05))


def _bin_edges(sets: Sequence[ScoredSet]) -> NDArray[np.float64]:
    """Bin edges for all histograms, around every score and threshold."""
    kinds = [scores for scored in sets for scores in (scored.curve.genuine_G, scored.curve.impostor_I)]
    thresholds = [scored.threshold for scored in sets if scored.threshold is not None]
    low = min(*thresholds, *(scores[0] for scores in kinds))
    high = max(*thresholds, *(scores[-1] for scores in kinds))
    return np.linspace(low - 0.02, high + 0.02, _BINS + 1)


def _draw_histogram(
    axes: "Axes",
    scores: NDArray[np.floating[Any]],
    edges: NDArray[np.float64],
    colour: str,
    outline: str | tuple[int, tuple[float, ...]],
    label: str,
) -> None:
    shares = 100 * np.histogram(scores, edges)[0] / len(scores)
    axes.stairs(shares, edges, fill=True, color=colour, alpha=0.25)
    axes.stairs(shares, edges, color=colour, linestyle=outline, linewidth=1.3, label=label)
