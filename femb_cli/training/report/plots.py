"""Curves of training runs over their steps, as SVG files.

Shape suffix: T points of a curve.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.report.style import LEGEND_LINE, WIDTH, label_below, line_style, plot_style, save_svg
from femb_cli.training.report.contents import Curve, Histogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Axis = Literal["linear", "logarithmic", "from zero"]

_MOST_POINTS = 1000
"""Points of a curve: more would not be seen in a page."""


class NamedCurve(NamedTuple):
    """The curve of a run, and its place among all runs of the report, which gives it its colour."""

    label: str
    place: int
    curve: Curve


class Panel(NamedTuple):
    """A figure: one metric of one or several runs.

    Attributes:
        name: of its file, without ending.
        title: of the vertical axis.
        caption: what it shows, in a sentence.
        axis: of the values; `logarithmic` only if they differ by more than a factor of 20.
        curves: at least one.
    """

    name: str
    title: str
    caption: str
    axis: Axis
    curves: Sequence[NamedCurve]


def save_panels(folder: Path, panels: Sequence[Panel], *, with_legend: bool) -> None:
    """Write each figure as an SVG file with its name into a directory."""
    with plot_style():
        for panel in panels:
            _save_panel(folder, panel, with_legend=with_legend)


def save_histograms(file: Path, histograms: Sequence[tuple[str, int, Histogram]]) -> None:
    """Write the histograms of the magnitudes of several runs over each other as an SVG file.

    Args:
        file: the file to write.
        histograms: at least one, with the name of its run and the run's place among all runs of the report.
    """
    from matplotlib.figure import Figure

    with plot_style():
        figure = Figure(figsize=(WIDTH, 2.0 + LEGEND_LINE * len(histograms)))
        axes = figure.add_subplot()
        for _, place, histogram in histograms:
            edges, shares = _outline(histogram)
            axes.plot(edges, shares, **line_style(place))
        axes.set(xlabel="Magnitude", ylabel="Images per unit in %", ylim=(0, None))
        label_below(figure, axes, [label for label, _, _ in histograms])
        save_svg(file, figure)


def _outline(histogram: Histogram) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of a histogram that adds up to 100 %."""
    edges, counts = np.array(histogram.edges), np.array(histogram.counts)
    widths = np.diff(edges)
    heights = 100 * counts / counts.sum() / np.where(widths > 0, widths, 1.0)
    return np.repeat(edges, 2), np.concatenate(([0.0], np.repeat(heights, 2), [0.0]))


def thin_out(curve: Curve) -> Curve:
    """Return the means of neighbouring points, at most `_MOST_POINTS` of them."""
    steps_T, values_T = curve
    size = -(-len(steps_T) // _MOST_POINTS)
    if size <= 1:
        return curve
    starts = np.arange(0, len(steps_T), size)
    last = np.minimum(starts + size, len(steps_T)) - 1
    return steps_T[last], _means(values_T, starts, last)


def _means(values_T: NDArray[np.float64], starts: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.add.reduceat(values_T, starts) / (last - starts + 1)


def save_picture(file: Path, title: str, panels: Sequence[Panel]) -> None:
    """Write the figures of one run, two in a row, as a PNG file."""
    from matplotlib.figure import Figure

    with plot_style():
        num_rows = -(-len(panels) // 2)
        figure = Figure(figsize=(2.4 * WIDTH, 0.5 + 2.2 * num_rows))
        places = figure.subplots(num_rows, 2, squeeze=False).ravel()
        for axes, panel in zip(places, panels, strict=False):
            _draw_panel(axes, panel)
            axes.set_title(panel.caption.partition(",")[0].rstrip("."), loc="left", fontsize="medium", parse_math=False)
        for axes in places[len(panels) :]:
            axes.set_axis_off()
        figure.suptitle(title, weight="bold", parse_math=False)
        figure.savefig(file, format="png", dpi=150, facecolor="white")


def _save_panel(folder: Path, panel: Panel, *, with_legend: bool) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 2.0 + (LEGEND_LINE * len(panel.curves) if with_legend else 0.0)))
    axes = figure.add_subplot()
    _draw_panel(axes, panel)
    if with_legend:
        label_below(figure, axes, [label for label, _, _ in panel.curves])
    save_svg(folder / f"{panel.name}.svg", figure)


def _draw_panel(axes: "Axes", panel: Panel) -> None:
    for _, place, curve in panel.curves:
        steps_T, values_T = thin_out(curve)
        marker = "o" if len(steps_T) < 2 else ""  # a line of one point is not seen
        axes.plot(steps_T, values_T, marker=marker, **line_style(place))
    axes.set(xlabel="Step", ylabel=panel.title)
    axes.locator_params(axis="x", integer=True)
    values = np.concatenate([curve[1] for _, _, curve in panel.curves])
    if panel.axis == "logarithmic" and 0 < 20 * values.min() < values.max():
        axes.set_yscale("log")
    elif panel.axis == "from zero":
        axes.set_ylim(0, 1.05 * values.max() or 1.0)
