"""The page of groups: contact sheets, one block a group, the largest first, and the single images at the end."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from femb_cli import __version__
from femb_cli.evaluation.report.page import page_template
from femb_cli.files import new_file
from femb_cli.search.grouped import Grouped
from femb_cli.search.sheets.pictures import Pictures
from femb_cli.text import counted

MOST_PICTURES = 6000
"""Thumbnails of a page, which has 15 MB then."""

MOST_OF_A_GROUP = 60
"""Thumbnails of one group."""


@dataclass(frozen=True)
class Block:
    """A part of the page.

    Attributes:
        title: its heading.
        pictures: name and data URI of each thumbnail.
        num_left_out: number of its images that the page does not show.
    """

    title: str
    pictures: list[tuple[str, str]]
    num_left_out: int


def write_groups_page(page: Path, grouped: Grouped, pictures: Pictures, *, overwrite: bool = False) -> None:
    """Write a page that needs no other file; it shows a part of what is too much for one page, and says so.

    Args:
        page: the HTML file to write.
        grouped: the groups.
        pictures: the images.
        overwrite: replace a page that exists.

    Raises:
        FembError: the page exists and `overwrite` is false, or cannot be written.
    """
    parts = [
        (f"Group {number}: {len(rows):,} images", rows.tolist(), MOST_OF_A_GROUP)
        for number, rows in enumerate(grouped.several, 1)
    ]
    if grouped.num_singles:
        singles = [int(rows[0]) for rows in grouped.groups if len(rows) == 1]
        parts.append((f"Single images: {len(singles):,}", singles, MOST_PICTURES))
    blocks, room = [], MOST_PICTURES
    for title, rows, most in parts:
        shown = rows[: min(room, most)]
        room -= len(shown)
        if shown:
            named = [(name, pictures.thumbnail(name)) for name in grouped.names_of(shown)]
            blocks.append(Block(title, named, len(rows) - len(shown)))
    html = page_template("groups.html", "femb_cli.search.sheets").render(
        written=datetime.now(UTC),
        version=__version__,
        grouped=grouped,
        numbers={
            "images": counted(len(grouped.stored.names), "image"),
            "groups": counted(len(grouped.several), "group"),
            "singles": counted(grouped.num_singles, "single image"),
        },
        blocks=blocks,
        num_hidden=len(parts) - len(blocks),
    )
    with new_file(page, overwrite=overwrite) as aside:
        aside.write_text(html, encoding="utf-8")
