"""The page of a search: each query beside its hits, as thumbnails with names and scores."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from femb_cli import __version__
from femb_cli.evaluation.report.page import page_template
from femb_cli.files import new_file
from femb_cli.search.found import Found
from femb_cli.search.sheets.pictures import Pictures

MOST_PICTURES = 6000
"""Thumbnails of a page, which has 15 MB then."""


def write_hits_page(
    page: Path, found: Found, query_pictures: Pictures, gallery_pictures: Pictures, *, overwrite: bool = False
) -> None:
    """Write a page that needs no other file; it shows the first queries if there are too many, and says so.

    Args:
        page: the HTML file to write.
        found: the queries and what they found.
        query_pictures: the images of the queries.
        gallery_pictures: the images of the gallery.
        overwrite: replace a page that exists.

    Raises:
        FembError: the page exists and `overwrite` is false, or cannot be written.
    """
    names, gallery = found.queries.names, found.gallery
    shown = min(len(names), max(1, MOST_PICTURES // (found.hits.rows_QK.shape[1] + 1)))

    def block(query: int) -> dict[str, Any]:
        hits = [(gallery.names[row], score) for row, score in found.hits.of(query)]
        return {
            "name": names[query],
            "uri": query_pictures.thumbnail(names[query]),
            "hits": [{"name": name, "score": score, "uri": gallery_pictures.thumbnail(name)} for name, score in hits],
        }

    html = page_template("hits.html", "femb_cli.search.sheets").render(
        written=datetime.now(UTC),
        version=__version__,
        gallery=gallery.path,
        num_queries=len(names),
        num_gallery=len(gallery.names),
        left_out=found.left_out,
        num_shown=shown,
        queries=[block(query) for query in range(shown)],
    )
    with new_file(page, overwrite=overwrite) as aside:
        aside.write_text(html, encoding="utf-8")
