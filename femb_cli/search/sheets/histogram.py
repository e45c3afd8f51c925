"""Histograms of the pages: images per person, or magnitudes of embeddings.

Shape suffix: N values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.inspection.people import People
from femb_cli.evaluation.report.inline_images import inline_svg
from femb_cli.evaluation.report.style import line_style, plot_style, save_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 40


@dataclass(frozen=True)
class Histogram:
    """How often each value occurs.

    Attributes:
        title: what is counted.
        xlabel: the name of the values.
        ylabel: the name of the counts.
        labels: the value of each bar, in order.
        counts: the height of each bar.
    """

    title: str
    xlabel: str
    ylabel: str
    labels: Sequence[str]
    counts: Sequence[int]


def histogram_of_people(people: People) -> Histogram:
    """Return the histogram of images per person."""
    bars = people.histogram
    labels, counts = [bar.label for bar in bars], [bar.num_people for bar in bars]
    return Histogram("Images per person", "Images of a person", "People", labels, counts)


def histogram_of_values(title: str, values_N: NDArray[np.float64]) -> Histogram | None:
    """Return the histogram of numbers in bins of equal width; None if there are no numbers."""
    if not len(values_N):
        return None
    # Numbers that differ by rounding only would need bins narrower than a float.
    low, high = float(values_N.min()), float(values_N.max())
    margin = max(1e-3 * max(abs(low), abs(high)) - (high - low), 0.0)
    counts, edges = np.histogram(values_N, _BINS, (low - margin / 2, high + margin / 2))
    middles = (edges[:-1] + edges[1:]) / 2
    return Histogram(title, "Magnitude", "Embeddings", [f"{middle:.4g}" for middle in middles], counts.tolist())


def histogram_svg(histogram: Histogram) -> str:
    """Return a histogram as an SVG element of a page, with its numbers for screen readers."""
    from matplotlib.figure import Figure

    bars = ", ".join(f"{label}: {count:,}" for label, count in zip(histogram.labels, histogram.counts, strict=True))
    with plot_style(), TemporaryDirectory() as folder:
        figure = Figure(figsize=(6.4, 2.6))
        draw_histogram(figure.add_subplot(), histogram)
        save_svg(Path(folder) / "histogram.svg", figure)
        return inline_svg(Path(folder) / "histogram.svg", f"{histogram.title}: {bars}")


def draw_histogram(axes: "Axes", histogram: Histogram) -> None:
    """Draw the bars, with their counts above them where there is room."""
    places = range(len(histogram.counts))
    bars = axes.bar(places, histogram.counts, color=line_style(0)["color"], alpha=0.85, width=0.92)
    step = -(-len(places) // 14)
    axes.set_xticks(list(places)[::step], histogram.labels[::step], rotation=0 if len(places) <= 8 else 30)
    if len(places) <= 14:
        axes.bar_label(bars, [f"{count:,}" if count else "" for count in histogram.counts], fontsize=8, padding=2)
        axes.margins(y=0.12)
    axes.grid(axis="x", visible=False)
    axes.locator_params(axis="y", integer=True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set(xlabel=histogram.xlabel, ylabel=histogram.ylabel)
    axes.set_title(histogram.title, loc="left")
