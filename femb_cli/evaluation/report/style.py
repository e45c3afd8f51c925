"""The style of all figures: they fit the column of a paper, and are told apart without colour.

A figure is 3.5 inches wide, the column of IEEE's and CVF's two-column papers, with text of 8 points. Colours: M. Okabe
and K. Ito, "Color Universal Design", 2008, without yellow, which is faint on white, and without black, the colour of
the text.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.5
"""Width of every figure, in inches."""
LEGEND_LINE = 0.16
"""Height of a line of a legend, in inches."""
FONT_SIZE = 8
INK = "#24292f"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
# 5 dashes and 6 colours have no common divisor, so that 30 curves differ in one of the two.
_DASHES = ((), (5, 1.5), (1.2, 1.2), (6, 1.5, 1.2, 1.5), (9, 2.5))
# Any, because the type of the keys depends on the version of matplotlib.
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": FONT_SIZE,
    "axes.unicode_minus": True,
    "figure.constrained_layout.use": True,
    "font.size": FONT_SIZE,
    "grid.alpha": 0.3,
    "grid.color": "#8c959f",
    "grid.linewidth": 0.5,
    "legend.fontsize": FONT_SIZE,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "lines.linewidth": 1.3,
    # Type 42 embeds the font itself, which publishers ask for; type 3 would draw its letters.
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "femb",
    "text.color": INK,
    "xtick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.color": INK,
    "ytick.major.width": 0.6,
}


def plot_style() -> AbstractContextManager[None]:
    """A context in which matplotlib draws in the style of all figures."""
    import matplotlib

    return matplotlib.rc_context(_STYLE)


def save_figure(folder: Path, name: str, figure: "Figure") -> None:
    """Write a figure as PNG (300 dpi, on white), as SVG (transparent) and as PDF (fonts embedded), without dates."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the layout is done: each format would compute it again
    figure.savefig(folder / f"{name}.png", dpi=300, facecolor="white")
    figure.savefig(folder / f"{name}.pdf", transparent=True, metadata={"CreationDate": None})
    save_svg(folder / f"{name}.svg", figure)


def save_svg(file: Path, figure: "Figure") -> None:
    """Write a figure as SVG, transparent and without a date."""
    figure.savefig(file, transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))


def line_style(index: int) -> dict[str, Any]:
    """Return colour and dashes of the curve with this index; the dashes tell curves apart without colour."""
    return {"color": COLOURS[index % len(COLOURS)], "dashes": _DASHES[index % len(_DASHES)]}


def label_below(figure: "Figure", axes: "Axes", labels: Sequence[str]) -> None:
    """Put the legend of the curves below the axes, where it hides no curve."""
    legend = figure.legend(axes.get_lines(), [""] * len(labels), loc="outside lower center")
    for text, label in zip(legend.get_texts(), labels, strict=True):
        # Set afterwards: matplotlib leaves out labels with a leading underscore, and reads $ as mathematics.
        text.set(text=label, parse_math=False)
