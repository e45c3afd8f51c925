"""Plots of scored pairs, for a page or a paper: ROC, DET and histograms.

DET: A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997. Both error rates
are on normal deviate axes, on which normally distributed scores give a straight line.

Shape suffixes: T points of a curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.evaluation.metrics.bands import ErrorBand
from femb_cli.evaluation.metrics.roc import RocCurve, roc_points, tar_at_far
from femb_cli.evaluation.report.style import COLOURS, INK, LEGEND_LINE, WIDTH, label_below, line_style, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Line = tuple[NDArray[np.float64], NDArray[np.float64]]

MOST_BANDS = 4
"""With more curves, their bands would hide each other."""
_DET_RATES = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99, 0.999)
_BINS = 80
_FEWEST = 3
"""False accepts that a rate needs to be measured at all: with fewer, single pairs decide."""
_OF_INTEREST = 8.0


COSINE = "Cosine"
"""What the scores of embeddings are."""


@dataclass(frozen=True, eq=False)
class ScoredSet:
    """One model's scores on one set of pairs.

    Attributes:
        label: its name in the legends.
        curve: its sorted scores.
        threshold: lowest score at which a pair is accepted; None if the protocol has no threshold on the scores.
        band: the intervals along the curve; None if they are unknown.
        score: what the scores are.
    """

    label: str
    curve: RocCurve
    threshold: float | None
    band: ErrorBand | None = None
    score: str = COSINE


def save_plots(folder: Path, sets: Sequence[ScoredSet], *, suffix: str = "") -> None:
    """Write `roc`, `det` and `scores` to a directory, as `save_figure` does.

    Args:
        folder: an existing directory.
        sets: what to plot, at least one. Curves of all sets are in the same axes, with their bands if there are at most
            `MOST_BANDS` sets; histograms are below each other.
        suffix: what the names of the files end in.
    """
    for name, figure in (("roc", draw_roc(sets)), ("det", draw_det(sets)), ("scores", draw_scores(sets))):
        save_figure(folder, f"{name}{suffix}", figure)


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
    """Draw TAR over FAR, with a logarithmic FAR axis.

    The FAR begins at the first false accept. The TAR begins below the models of interest, which at `_FEWEST` false
    accepts miss at most `_OF_INTEREST` times as many genuine pairs as the best one: one or two impostor pairs, or a
    model that is much worse, would press the curves into the uppermost line. Any other curve rises into the axes, and
    the legend says from where.
    """
    figure, axes = square_figure(len(sets))
    lines = [roc_line(scored.curve) for scored in sets]
    for index, band in _bands(sets):
        axes.fill_between(band.fmr_T, 100 * (1.0 - band.high_T), 100 * (1.0 - band.low_T), **_band_style(index))
    for index, (far_T, tar_T) in enumerate(lines):
        axes.plot(far_T, 100 * tar_T, drawstyle="steps-post", **line_style(index))
    tars = [_supported_tar(scored.curve) for scored in sets]
    lowest = _lowest_tar(tars)
    axes.set(xscale="log", xlabel="False accept rate (FAR)", ylabel="True accept rate (TAR) in %")
    above = 0.01 * (1.0 - lowest)  # a line at 100 % is drawn whole
    axes.set(xlim=(min(0.1, *(far_T[0] / 1.3 for far_T, _ in lines)), 1.0), ylim=(100 * lowest, 100 * (1.0 + above)))
    labels = [
        scored.label if tar >= lowest else f"{scored.label} (from {100 * tar:.1f} %)"
        for scored, tar in zip(sets, tars, strict=True)
    ]
    label_below(figure, axes, labels)
    return figure


def draw_det(sets: Sequence[ScoredSet]) -> "Figure":
    """Draw FNMR over FMR, both on normal deviate axes."""
    figure, axes = square_figure(len(sets) + 1)
    lines = [det_line(scored.curve) for scored in sets]
    for index, band in _bands(sets):
        low_T, high_T = normal_deviates(band.low_T).clip(-9, 9), normal_deviates(band.high_T).clip(-9, 9)
        axes.fill_between(normal_deviates(band.fmr_T), low_T, high_T, **_band_style(index))
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
    """Draw histograms of the scores of genuine and of impostor pairs, one panel for each set.

    Cosines have one axis; scores of other programs have an axis for each panel, because each has its own scale.
    """
    from matplotlib.figure import Figure

    are_cosines = all(scored.score == COSINE for scored in sets)
    height = 1.15 if are_cosines else 1.5
    figure = Figure(figsize=(WIDTH, 0.6 + height * max(2, len(sets))))
    panels = figure.subplots(len(sets), sharex=are_cosines, squeeze=False)[:, 0]
    for scored, axes in zip(sets, panels, strict=True):
        edges = _bin_edges(sets if are_cosines else [scored])
        _draw_histogram(axes, scored.curve.impostor_I, edges, COLOURS[1], (0, (4, 1.5)), "impostor pairs")
        _draw_histogram(axes, scored.curve.genuine_G, edges, COLOURS[0], "-", "genuine pairs")
        axes.set_title(scored.label, loc="left", parse_math=False)
        if scored.threshold is not None:
            axes.axvline(scored.threshold, color=INK, linewidth=1.0, linestyle=(0, (1, 1.5)), label="threshold")
        axes.set(ylim=(0.0, None), xlim=(edges[0], edges[-1]), ylabel="% of each kind")
        if axes is panels[-1] or not are_cosines:
            axes.set_xlabel(scored.score)
    figure.align_ylabels()
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, handlelength=1.8, columnspacing=1.2
    )
    return figure


def square_figure(num_lines: int) -> "tuple[Figure, Axes]":
    """Return a figure with a plot that is nearly square, and room for the lines of the legend below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 2.5 + LEGEND_LINE * num_lines))
    return figure, figure.add_subplot()


def _supported_tar(curve: RocCurve) -> float:
    """TAR at the lowest FAR that the impostor pairs support, that of `_FEWEST` false accepts."""
    return tar_at_far(curve, min(1.0, _FEWEST / len(curve.impostor_I))).tar


def _lowest_tar(tars: Sequence[float]) -> float:
    """The TAR at which the axis begins: below those of the models of interest."""
    missed = [1.0 - tar for tar in tars]
    of_interest = [miss for miss in missed if miss <= _OF_INTEREST * max(min(missed), 0.0025)]
    return max(0.0, 1.0 - 1.15 * max(*of_interest, 0.02))


def _bands(sets: Sequence[ScoredSet]) -> list[tuple[int, ErrorBand]]:
    """The bands to draw, with the place of their set."""
    if len(sets) > MOST_BANDS:
        return []
    return [(index, scored.band) for index, scored in enumerate(sets) if scored.band is not None]


def _band_style(index: int) -> dict[str, Any]:
    """Return how the band of the curve with this index is filled: light, so that bands may overlap."""
    return {"step": "post", "color": COLOURS[index % len(COLOURS)], "alpha": 0.16, "linewidth": 0.0}


def _corners(x_T: NDArray[np.float64], y_T: NDArray[np.float64]) -> Line:
    """The corners and the ends of a staircase: drawing it needs no other points."""
    turns = np.ones(len(x_T), dtype=bool)
    level, steep = np.diff(y_T) == 0.0, np.diff(x_T) == 0.0
    turns[1:-1] = ~(level[:-1] & level[1:]) & ~(steep[:-1] & steep[1:])
    return x_T[turns], y_T[turns]


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
    margin = 0.02 * (high - low or 1.0)
    return np.linspace(low - margin, high + margin, _BINS + 1)


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
