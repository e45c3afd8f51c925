"""Plots of the images' quality: error versus discard, and the magnitudes of the embeddings.

Shape suffixes: T points of a curve, I images.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.metrics.quality import DiscardCurve
from femb_cli.evaluation.report.plots import square_figure
from femb_cli.evaluation.report.style import INK, label_below, line_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_DISCARDED = 0.5
"""End of the axis: beyond it the few remaining pairs say little."""
_OF_INTEREST = 8.0
_BINS = 60


def draw_discard(curves: Sequence[tuple[str, DiscardCurve]], *, fmr: str, area_limit: float) -> "Figure":
    """Draw the FNMR of the remaining pairs over the share of pairs discarded, at a fixed threshold.

    The axis ends above the models of interest, whose FNMR of all pairs is at most eight times that of the best one: a
    model that is much worse would press their curves flat. It runs out of the axes, and the legend says so.

    Args:
        curves: name in the legend and curve, at least one.
        fmr: the FMR of all pairs that sets the threshold, as text.
        area_limit: where the partial area ends, which a line shows.
    """
    figure, axes = square_figure(len(curves))
    top = _top([curve for _, curve in curves])
    for index, (_, curve) in enumerate(curves):
        axes.plot(100 * curve.discard_T, 100 * curve.fnmr_T, **line_style(index))
    labels = [
        label if _shown(curve).min() <= top else f"{label} (above: {100 * curve.fnmr_T[0]:.1f} %)"
        for label, curve in curves
    ]
    label_below(figure, axes, labels)
    axes.axvline(100 * area_limit, color=INK, alpha=0.5, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.set(xlabel="Pairs discarded, lowest quality first, in %", ylabel=f"FNMR in %, threshold at FMR {fmr}")
    axes.set(xlim=(0.0, 100 * MOST_DISCARDED), ylim=(0.0, 100 * top))
    return figure


def draw_magnitudes(magnitudes: Sequence[tuple[str, NDArray[np.float64]]]) -> "Figure":
    """Draw histograms of the magnitudes of raw embeddings, each adding up to 100 %.

    Args:
        magnitudes: name in the legend and magnitude of each image (I,), at least one.
    """
    figure, axes = square_figure(len(magnitudes))
    low = min(float(values_I.min()) for _, values_I in magnitudes)
    high = max(float(values_I.max()) for _, values_I in magnitudes)
    edges = np.linspace(low, high, _BINS + 1) if high > low else np.linspace(low - 0.5, high + 0.5, _BINS + 1)
    for index, (_, values_I) in enumerate(magnitudes):
        shares = 100 * np.histogram(values_I, edges)[0] / len(values_I)
        axes.plot(np.repeat(edges, 2), np.concatenate(([0.0], np.repeat(shares, 2), [0.0])), **line_style(index))
    axes.set(xlabel="Magnitude of the embedding", ylabel="Images in %", ylim=(0.0, None))
    label_below(figure, axes, [label for label, _ in magnitudes])
    return figure


def _top(curves: Sequence[DiscardCurve]) -> float:
    """Return the FNMR at which the axis ends."""
    best = min(float(curve.fnmr_T[0]) for curve in curves)
    of_interest = [curve for curve in curves if curve.fnmr_T[0] <= _OF_INTEREST * best] or curves
    return 1.1 * max(float(_shown(curve).max()) for curve in of_interest) or 0.01


def _shown(curve: DiscardCurve) -> NDArray[np.float64]:
    """The FNMRs that the axis shows."""
    return curve.fnmr_T[curve.discard_T <= MOST_DISCARDED]
