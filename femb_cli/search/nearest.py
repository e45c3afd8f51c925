"""The nearest entries of a gallery: exact top-k by cosine, in blocks of limited memory.

Of equal cosines, the earlier row of the gallery comes first. The result is that of sorting all cosines in float64.

Shape suffixes: Q queries, G gallery entries, D embedding dimension, K hits of a query, C candidates, B rows of a block.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.progress import Progress
from femb_cli.search.cosines import FastRows, check_rows, exact_cosines, fast_cosines, fast_rows, largest_error

QUERIES_AT_ONCE = 1024
_SCORES_AT_ONCE = 1 << 24
_MOST_ROWS_AT_ONCE = 1 << 12
"""Rows of a block, which stay in the processor's cache between the steps of their comparison."""


@dataclass(frozen=True, eq=False)
class Hits:
    """The best entries of each query, the best first.

    Attributes:
        rows_QK: rows of the gallery, int64; -1 where there are fewer than K entries.
        scores_QK: their cosines, float64; -infinity where there is none.
    """

    rows_QK: NDArray[np.int64]
    scores_QK: NDArray[np.float64]

    def of(self, query: int) -> list[tuple[int, float]]:
        """Return row and cosine of each hit of one query."""
        pairs = zip(self.rows_QK[query].tolist(), self.scores_QK[query].tolist(), strict=True)
        return [(row, score) for row, score in pairs if row >= 0]

    def at_least(self, score: float) -> "Hits":
        """Return the hits of at least this cosine."""
        kept_QK = self.scores_QK >= score
        return Hits(np.where(kept_QK, self.rows_QK, -1), np.where(kept_QK, self.scores_QK, -np.inf))

    def first(self, number: int) -> "Hits":
        """Return the best hits of each query, at most `number` of them."""
        return Hits(self.rows_QK[:, :number], self.scores_QK[:, :number])


def nearest(
    queries: StoredEmbeddings,
    gallery: StoredEmbeddings,
    top: int,
    *,
    itself_Q: NDArray[np.int64] | None = None,
    progress: Progress | None = None,
) -> Hits:
    """Search every query in the gallery by cosine.

    The gallery may be a memory map: it is read in blocks, once for every 1,024 queries.

    Args:
        queries: embeddings, normalised or not.
        gallery: embeddings of the same dimension.
        top: K, the number of hits of a query; fewer if the gallery is smaller.
        itself_Q: the row of the gallery that each query must not find, -1 for none; see `same_items`.
        progress: called with the number of comparisons done, and the total.

    Raises:
        FembError: one side is empty or holds an embedding that is zero or not finite, the sides differ in dimension,
            or `top` is below 1.
    """
    check_sides(queries, gallery, top)
    top = min(top, len(gallery.rows_ND))
    hits = _no_hits(len(queries.rows_ND), top)
    total = len(queries.rows_ND) * len(gallery.rows_ND)
    for start in range(0, len(queries.rows_ND), QUERIES_AT_ONCE):
        some = slice(start, start + QUERIES_AT_ONCE)
        asked = _Asked(queries.rows_ND[some], top, None if itself_Q is None else itself_Q[some])
        check_rows(asked.fast.lengths_N, queries.names[some].__getitem__, queries.path)
        lengths = []
        for first_row, block in _blocks(gallery.rows_ND, len(asked.fast.rows_ND)):
            asked.look_at(gallery.rows_ND, np.arange(first_row, first_row + len(block.rows_ND)), block)
            lengths.append(block.lengths_N)
            if progress is not None:
                done = start * len(gallery.rows_ND) + (first_row + len(block.rows_ND)) * len(asked.fast.rows_ND)
                progress(done, total)
        check_rows(np.concatenate(lengths), gallery.names.__getitem__, gallery.path)
        asked.write(hits, start)
    return hits


def nearest_of(
    queries: StoredEmbeddings,
    gallery: StoredEmbeddings,
    top: int,
    candidates: Callable[[NDArray[np.float32]], NDArray[np.int64]],
    *,
    itself_Q: NDArray[np.int64] | None = None,
    progress: Progress | None = None,
) -> Hits:
    """Search every query by cosine among some entries of the gallery, its candidates.

    Args:
        queries: as `nearest`, as the further arguments and errors.
        gallery: the gallery; entries that are no candidates are not read, and so are not checked.
        top: K.
        candidates: returns rows of the gallery, (Q, C), for queries of length 1, (Q, D); -1 where there are fewer.
        itself_Q: see `nearest`.
        progress: called with the number of queries done, and the total.
    """
    check_sides(queries, gallery, top)
    hits = _no_hits(len(queries.rows_ND), min(top, len(gallery.rows_ND)))
    for start in range(0, len(queries.rows_ND), QUERIES_AT_ONCE):
        some = slice(start, start + QUERIES_AT_ONCE)
        fast = fast_rows(queries.rows_ND[some])
        check_rows(fast.lengths_N, queries.names[some].__getitem__, queries.path)
        for query, row_C in enumerate(candidates(fast.units_ND), start):
            one = slice(query, query + 1)
            asked = _Asked(queries.rows_ND[one], hits.rows_QK.shape[1], None if itself_Q is None else itself_Q[one])
            row_B = np.sort(row_C[row_C >= 0])
            asked.look_at(gallery.rows_ND, row_B, fast_rows(np.asarray(gallery.rows_ND[row_B])))
            asked.write(hits, query)
            if progress is not None:
                progress(query + 1, len(queries.rows_ND))
    return hits


def _no_hits(num_queries: int, top: int) -> Hits:
    return Hits(np.full((num_queries, top), -1, dtype=np.int64), np.full((num_queries, top), -np.inf))


class _Asked:
    """Some queries, and their candidates: the best entries of the blocks that they have looked at.

    The candidates are in three arrays of equal length, sorted by query, then by cosine (falling), then by row.
    """

    def __init__(self, queries_QD: NDArray[np.number], top: int, itself_Q: NDArray[np.int64] | None) -> None:
        self.queries_QD, self.top, self.itself_Q = queries_QD, top, itself_Q
        self.fast = fast_rows(queries_QD)
        self.units_QD = self.fast.units_ND
        self.error = largest_error(queries_QD.shape[1])
        self.lowest_Q = np.full(len(queries_QD), -np.inf)
        self.query_C = self.row_C = np.empty(0, dtype=np.int64)
        self.score_C = np.empty(0)

    def look_at(self, gallery_GD: NDArray[np.number], row_B: NDArray[np.int64], block: FastRows) -> None:
        """Add the entries of a block, these rows of the gallery, that may be among the best."""
        cosines_QB = fast_cosines(self.units_QD, block)
        query_C, place_C = np.nonzero(cosines_QB >= self._cut(cosines_QB)[:, None])
        row_C = row_B[place_C]
        if self.itself_Q is not None:
            others = self.itself_Q[query_C] != row_C
            query_C, row_C = query_C[others], row_C[others]
        if not len(query_C):
            return
        score_C = exact_cosines(self.queries_QD, gallery_GD, query_C, row_C)
        query_C, row_C = np.concatenate([self.query_C, query_C]), np.concatenate([self.row_C, row_C])
        score_C = np.concatenate([self.score_C, score_C])
        order_C = np.lexsort((row_C, -score_C, query_C))
        order_C = order_C[_place_in_query(query_C[order_C]) < self.top]
        self.query_C, self.row_C, self.score_C = query_C[order_C], row_C[order_C], score_C[order_C]
        last_C = np.flatnonzero(_place_in_query(self.query_C) == self.top - 1)
        self.lowest_Q[self.query_C[last_C]] = self.score_C[last_C]

    def _cut(self, cosines_QB: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the fast cosine below which an entry of a block cannot be among the best of a query.

        One entry more than `top` is asked for, because one may be the query itself.
        """
        wanted = self.top + 1
        cut_Q = self.lowest_Q - self.error
        if not np.isfinite(cut_Q).all() and cosines_QB.shape[1] > wanted:
            best_QK = np.partition(np.nan_to_num(cosines_QB, nan=-np.inf), -wanted, axis=1)[:, -wanted]
            cut_Q = np.maximum(cut_Q, best_QK.astype(np.float64) - 2 * self.error)
        return np.nextafter(cut_Q.astype(np.float32), np.float32(-np.inf))

    def write(self, hits: Hits, first_query: int) -> None:
        """Write the candidates into the hits of all queries."""
        place_C = _place_in_query(self.query_C)
        hits.rows_QK[first_query + self.query_C, place_C] = self.row_C
        hits.scores_QK[first_query + self.query_C, place_C] = self.score_C


def _place_in_query(query_C: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each candidate among those of its query, which follow each other."""
    starts_C = np.flatnonzero(np.diff(query_C, prepend=-1))
    return np.arange(len(query_C)) - np.repeat(starts_C, np.diff(starts_C, append=len(query_C)))


def _blocks(rows_GD: NDArray[np.number], num_queries: int) -> Iterator[tuple[int, FastRows]]:
    """Yield blocks of rows with the number of their first row."""
    size = min(_MOST_ROWS_AT_ONCE, max(1, _SCORES_AT_ONCE // num_queries))
    for start in range(0, len(rows_GD), size):
        yield start, fast_rows(rows_GD[start : start + size])


def check_sides(queries: StoredEmbeddings, gallery: StoredEmbeddings, top: int) -> None:
    """Refuse sides that cannot be compared.

    Raises:
        FembError: one side is empty, they differ in dimension, or `top` is below 1.
    """
    if top < 1:
        raise FembError(f"the {top} nearest entries were asked for: ask for 1 or more")
    for side in (queries, gallery):
        if not len(side.rows_ND):
            raise FembError(f"{side.path} holds no embedding")
    dimensions = queries.rows_ND.shape[1], gallery.rows_ND.shape[1]
    if dimensions[0] != dimensions[1]:
        raise FembError(
            f"{queries.path} holds embeddings of {dimensions[0]} numbers, {gallery.path} of {dimensions[1]}",
            hint="embed both with one model",
        )
