"""Sheets of images as figures: the hardest pairs, and the images of lowest and of highest quality."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from femb_cli.evaluation.report.hardest import PicturedPair, split_by_kind
from femb_cli.evaluation.report.quality_images import PicturedImage
from femb_cli.evaluation.report.style import WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PAIRS_PER_ROW = 2
_IMAGES_PER_ROW = 4
_LONGEST_NAME = 26
"""Characters of a name that fit below a pair."""


def draw_pair_sheet(pairs: Sequence[PicturedPair]) -> "Figure":
    """Draw pairs side by side, genuine pairs above impostor pairs, each with its score and its names."""
    from matplotlib.figure import Figure

    kinds = split_by_kind(pairs)
    num_rows = [-(-len(members) // _PAIRS_PER_ROW) for _, members in kinds]
    heights = [0.25 + 1.4 * rows for rows in num_rows]
    figure = Figure(figsize=(WIDTH, sum(heights)))
    parts = figure.subfigures(len(kinds), squeeze=False, height_ratios=heights)[:, 0]
    for part, (title, members), rows in zip(parts, kinds, num_rows, strict=True):
        part.suptitle(title.capitalize(), fontweight="bold")
        for place, axes in enumerate(part.subplots(rows, _PAIRS_PER_ROW, squeeze=False).flat):
            axes.set_axis_off()
            if place < len(members):
                _draw_pair(axes, members[place])
    return figure


def draw_quality_sheet(lowest: Sequence[PicturedImage], highest: Sequence[PicturedImage]) -> "Figure":
    """Draw the images of lowest quality above those of highest quality, each with its quality."""
    from matplotlib.figure import Figure

    kinds = [("Lowest quality", lowest), ("Highest quality", highest)]
    num_rows = [-(-len(images) // _IMAGES_PER_ROW) for _, images in kinds]
    heights = [0.25 + 1.05 * rows for rows in num_rows]
    figure = Figure(figsize=(WIDTH, sum(heights)))
    parts = figure.subfigures(2, squeeze=False, height_ratios=heights)[:, 0]
    for part, (title, images), rows in zip(parts, kinds, num_rows, strict=True):
        part.suptitle(title, fontweight="bold")
        for place, axes in enumerate(part.subplots(rows, _IMAGES_PER_ROW, squeeze=False).flat):
            axes.set_axis_off()
            if place < len(images):
                axes.imshow(images[place].image_HW3)
                axes.set_title(f"{images[place].quality:.4g}")
    return figure


def _draw_pair(axes: "Axes", pair: PicturedPair) -> None:
    """Draw both images side by side, with the score above and the names below."""
    axes.imshow(pair.left_HW3, extent=(0.0, 1.0, 0.0, 1.0))
    axes.imshow(pair.right_HW3, extent=(1.04, 2.04, 0.0, 1.0))
    axes.set(xlim=(0.0, 2.04), ylim=(0.0, 1.0))
    axes.set_title(f"{pair.score:.3f}", loc="left")
    names = "\n".join(_shortened(name) for name in (pair.left, pair.right))
    axes.text(0.0, -0.05, names, va="top", parse_math=False)


def _shortened(name: str) -> str:
    """The last part of an image's name, cut at its start if it is long."""
    short = name.rsplit("/", 1)[-1]
    return short if len(short) <= _LONGEST_NAME else "…" + short[1 - _LONGEST_NAME :]
