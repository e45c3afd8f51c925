"""The page or the picture of `femb inspect`: what was found, a histogram, and a contact sheet."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from femb_cli import __version__
from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError
from femb_cli.evaluation.report.page import page_template
from femb_cli.evaluation.report.style import plot_style
from femb_cli.files import new_file
from femb_cli.search.sheets.histogram import Histogram, draw_histogram, histogram_svg
from femb_cli.search.sheets.pictures import SIZE, data_uri, thumbnail

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDINGS = (".html", ".png")

_FIGURE_WIDTH = 10.0
_PAPER_WIDTH = 900
_MOST_ROWS = 14
_GAP, _STRIP_GAP, _TITLE, _HEADING = 4, 14, 14, 30
_NARROWEST = 132
_CHARACTER = 5.2
"""Width of a title's character; like the sizes above in pixels of the contact sheet."""
_LINE = 0.19


@dataclass(frozen=True)
class Strip:
    """Images that are shown beside each other.

    Attributes:
        title: what they have in common; empty for nothing.
        rows: their rows in the source.
    """

    title: str
    rows: Sequence[int]


@dataclass(frozen=True)
class Section:
    """A part of the contact sheet.

    Attributes:
        title: its heading.
        strips: its images.
    """

    title: str
    strips: Sequence[Strip]


@dataclass(frozen=True)
class Sheet:
    """What the page or the picture shows.

    Attributes:
        title: the heading.
        facts: what was found; an entry may have several lines.
        warnings: what is wrong with it.
        histogram: a histogram; None for none.
        sections: the parts of the contact sheet.
        source: the images; None if there are none to show.
    """

    title: str
    facts: Mapping[str, str]
    warnings: Sequence[str] = ()
    histogram: Histogram | None = None
    sections: Sequence[Section] = ()
    source: ImageSource | None = None


def write_sheet(path: Path, sheet: Sheet, *, overwrite: bool = False) -> None:
    """Write a page (`.html`) that needs no other file, or a picture (`.png`).

    Raises:
        FembError: the file exists and `overwrite` is false, or cannot be written.
    """
    with new_file(path, overwrite=overwrite) as aside:
        if path.suffix.lower() == ".png":
            _draw_picture(aside, sheet)
        else:
            aside.write_text(_render_page(sheet), encoding="utf-8")


def _render_page(sheet: Sheet) -> str:
    return page_template("inspection.html", "femb_cli.search.sheets").render(
        written=datetime.now(UTC),
        version=__version__,
        sheet=sheet,
        histogram=None if sheet.histogram is None else histogram_svg(sheet.histogram),
        sections=[
            (section.title, [(strip.title, _named_uris(sheet.source, strip.rows)) for strip in section.strips])
            for section in sheet.sections
        ],
    )


def _named_uris(source: ImageSource | None, rows: Sequence[int]) -> list[tuple[str, str]]:
    assert source is not None, "a sheet with rows has their source"
    pictures = [(str(source.names[row]), _thumbnail(source, row)) for row in rows]
    return [(name, "" if picture is None else data_uri(picture)) for name, picture in pictures]


def _thumbnail(source: ImageSource, row: int) -> Image.Image | None:
    """Return the thumbnail of an image; None if it cannot be read."""
    try:
        return thumbnail(source.read(row), str(source.names[row]))
    except FembError:
        return None


# ---- The picture


@dataclass(frozen=True)
class _Placed:
    """A heading or a strip at its place on the contact sheet, in pixels."""

    x: int
    y: int
    text: str
    rows: Sequence[int]


def _draw_picture(file: Path, sheet: Sheet) -> None:
    """Draw the facts, the histogram below them, and the contact sheet at the end."""
    from matplotlib.figure import Figure

    facts = _fact_lines(sheet)
    placed, height = _place(sheet.sections)
    heights = [
        0.5 + _LINE * len(facts),
        2.4 if sheet.histogram else 0.0,
        (_FIGURE_WIDTH - 0.3) * height / _PAPER_WIDTH,
    ]
    with plot_style():
        figure = Figure(figsize=(_FIGURE_WIDTH, sum(heights) + 0.3))
        parts = figure.subplots(3, 1, height_ratios=[max(part, 0.01) for part in heights], squeeze=False)[:, 0]
        _draw_facts(parts[0], sheet.title, facts, heights[0])
        parts[1].set_axis_off()
        if sheet.histogram is not None:
            parts[1].set_axis_on()
            draw_histogram(parts[1], sheet.histogram)
        _draw_strips(parts[2], sheet.source, placed, height)
        figure.savefig(file, format="png", dpi=150, facecolor="white")


def _fact_lines(sheet: Sheet) -> list[tuple[str, str]]:
    """Return the facts as lines that fit the picture, each with its name in front of the first line."""
    lines: list[tuple[str, str]] = []
    for name, text in [*(("warning", warning) for warning in sheet.warnings), *sheet.facts.items()]:
        wrapped = [part for line in text.split("\n") for part in textwrap.wrap(line, 105)]
        lines += [(name if place == 0 else "", part) for place, part in enumerate(wrapped)]
    return lines


def _draw_facts(axes: "Axes", title: str, lines: Sequence[tuple[str, str]], height: float) -> None:
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, height))
    axes.text(0, height - 0.1, title, fontsize=14, weight="bold", va="top", parse_math=False)
    for place, (name, text) in enumerate(lines):
        y = height - 0.5 - _LINE * place
        axes.text(0, y, name, weight="bold", va="top", parse_math=False)
        axes.text(0.13, y, text, va="top", parse_math=False)


def _place(sections: Sequence[Section]) -> tuple[list[_Placed], int]:
    """Place headings and strips from left to right, as many as fit `_MOST_ROWS` rows a section; and the height."""
    placed, y = [], 0
    for section in sections:
        placed.append(_Placed(0, y, section.title, ()))
        y, x, num_rows = y + _HEADING, 0, 1
        for strip in _cut(section.strips):
            width = max(_NARROWEST, len(strip.rows) * (SIZE + _GAP))
            if x + width > _PAPER_WIDTH:
                x, y, num_rows = 0, y + _TITLE + SIZE + _GAP, num_rows + 1
            if num_rows > _MOST_ROWS:
                break
            placed.append(_Placed(x, y, _shortened(strip.title, width), strip.rows))
            x += width + _STRIP_GAP
        y += _TITLE + SIZE + _GAP
    return placed, y


def _cut(strips: Sequence[Strip]) -> list[Strip]:
    """Cut strips that are wider than the picture."""
    most = _PAPER_WIDTH // (SIZE + _GAP)
    return [
        Strip(strip.title if start == 0 else "", strip.rows[start : start + most])
        for strip in strips
        for start in range(0, len(strip.rows), most)
    ]


def _shortened(title: str, width: int) -> str:
    most = int(width / _CHARACTER)
    return title if len(title) <= most else f"{title[: most - 1]}…"


def _draw_strips(axes: "Axes", source: ImageSource | None, placed: Sequence[_Placed], height: int) -> None:
    axes.set_axis_off()
    if source is None or not placed:
        return
    paper = Image.new("RGB", (_PAPER_WIDTH, height), "white")
    for item in placed:
        for place, row in enumerate(item.rows):
            if (picture := _thumbnail(source, row)) is not None:
                picture.thumbnail((SIZE, SIZE))
                paper.paste(picture, (item.x + place * (SIZE + _GAP), item.y + _TITLE))
    axes.imshow(np.asarray(paper), interpolation="lanczos")
    for item in placed:
        if item.rows:
            axes.text(item.x, item.y + _TITLE - 4, item.text, fontsize=6.5, parse_math=False)
        else:
            axes.text(0, item.y + _HEADING - 10, item.text, fontsize=10, weight="bold", parse_math=False)
