"""A search from stored embeddings to its result: every query with the entries that it found."""

from dataclasses import dataclass
from typing import Any

from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.progress import Progress
from femb_cli.search.index import Index, nearest_by_codes
from femb_cli.search.nearest import Hits, nearest
from femb_cli.search.same_items import describe_copies, describe_left_out, same_items

COLUMNS = ("query", "rank", "name", "score")


@dataclass(frozen=True, eq=False)
class Found:
    """The result of a search.

    Attributes:
        queries: what was searched for.
        gallery: what was searched in.
        hits: the rows of the gallery that each query found.
        left_out: a sentence about the queries that are in the gallery themselves; empty if none is.
        copies: a sentence about the queries that are there under another name; empty if none is.
        index: the index that named the candidates; None if the search was exact.
        num_with_more: number of queries that have more hits than were asked for, although a lowest cosine was given.
    """

    queries: StoredEmbeddings
    gallery: StoredEmbeddings
    hits: Hits
    left_out: str
    copies: str
    index: Index | None = None
    num_with_more: int = 0

    @property
    def num_without_hit(self) -> int:
        """Number of queries that found nothing."""
        return int((self.hits.rows_QK < 0).all(axis=1).sum())

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of images, and for each query its name and its hits, the best first.

        With an index, `index` holds its recall.
        """
        names = self.gallery.names
        return {
            **({} if self.index is None else {"index": self.index.to_json()}),
            "num_queries": len(self.queries.names),
            "num_gallery": len(names),
            "queries": [
                {"name": name, "hits": [{"name": names[row], "score": score} for row, score in self.hits.of(query)]}
                for query, name in enumerate(self.queries.names)
            ],
        }

    def rows(self) -> list[tuple[str, int, str, float]]:
        """Return a row of `COLUMNS` for each hit; the rank counts from 1."""
        return [
            (name, rank, self.gallery.names[row], score)
            for query, name in enumerate(self.queries.names)
            for rank, (row, score) in enumerate(self.hits.of(query), 1)
        ]


def find(
    queries: StoredEmbeddings,
    gallery: StoredEmbeddings,
    *,
    top: int,
    min_score: float | None = None,
    index: Index | None = None,
    progress: Progress | None = None,
) -> Found:
    """Search every query in the gallery; an item that is in both does not find itself.

    Args:
        queries: what to search for.
        gallery: what to search in.
        top: number of hits of a query.
        min_score: leave out hits with a lower cosine; None keeps all.
        index: the gallery's index, for an approximate search; None searches exactly.
        progress: called with the number of comparisons done, or with an index of queries, and the total.

    Raises:
        FembError: as `nearest`.
    """
    itself_Q = same_items(queries, gallery)
    wanted = top if min_score is None else top + 1  # one more tells whether `top` leaves out hits that reach the score
    if index is None:
        hits = nearest(queries, gallery, wanted, itself_Q=itself_Q, progress=progress)
    else:
        hits = nearest_by_codes(queries, gallery, wanted, index.codes, itself_Q=itself_Q, progress=progress)
    copies = describe_copies(hits.scores_QK[:, 0], "queries")
    num_with_more = 0
    if min_score is not None:
        hits = hits.at_least(min_score)
        num_with_more = int((hits.rows_QK[:, top:] >= 0).sum())
    return Found(
        queries, gallery, hits.first(top), describe_left_out(itself_Q, "queries"), copies, index, num_with_more
    )
