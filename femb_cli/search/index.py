"""An index of a gallery: short codes that name candidates, and how often the right ones are among them.

Shape suffixes: Q queries, S sampled rows of the gallery, C candidates.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.progress import Progress
from femb_cli.search.codes import Codes, make_codes
from femb_cli.search.cosines import check_rows, fast_rows
from femb_cli.search.nearest import Hits, nearest, nearest_of

NUM_CANDIDATES = 1000
_CANDIDATES_OF_HIT = 10
_NUM_SAMPLED = 512
_NUM_NEIGHBOURS = 5
_ROWS_AT_ONCE = 1 << 12


@dataclass(frozen=True, eq=False)
class Index:
    """Codes, and what a search with them was measured to find.

    Attributes:
        codes: the codes of the gallery.
        recall_at_1: share of sampled rows whose nearest entry is found.
        recall_at_5: share of the five nearest entries of sampled rows that is found.
        num_sampled: number of rows of the gallery that were searched in the rest of it.
    """

    codes: Codes
    recall_at_1: float
    recall_at_5: float
    num_sampled: int

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "recall_at_1": self.recall_at_1,
            "recall_at_5": self.recall_at_5,
            "num_sampled": self.num_sampled,
        }

    def describe(self) -> str:
        """Say that a search is approximate, and how much it finds."""
        return (
            f"the search is approximate: of {self.num_sampled:,} of the gallery's own rows, it finds"
            f" {_percent(self.recall_at_1)} of the nearest and {_percent(self.recall_at_5)} of the five nearest entries"
        )


def build_index(gallery: StoredEmbeddings, *, progress: Progress | None = None) -> Index:
    """Compute the codes of a gallery, and measure what a search with them finds.

    Some rows are searched in the rest of the gallery, with the codes and exactly.

    Args:
        gallery: the gallery, which may be a memory map.
        progress: called with the number of comparisons of the exact search done, and the total.

    Raises:
        FembError: the gallery is empty, or holds an embedding that is zero or not finite; FAISS cannot be imported.
    """
    rows_ND = gallery.rows_ND
    if not len(rows_ND):
        raise FembError(f"{gallery.path} holds no embedding")
    blocks = range(0, len(rows_ND), _ROWS_AT_ONCE)
    lengths_N = np.concatenate([fast_rows(rows_ND[start : start + _ROWS_AT_ONCE]).lengths_N for start in blocks])
    check_rows(lengths_N, gallery.names.__getitem__, gallery.path)
    codes = make_codes(rows_ND)
    row_S = np.sort(np.random.default_rng(1).permutation(len(rows_ND))[:_NUM_SAMPLED])
    sample = replace(gallery, rows_ND=np.asarray(rows_ND[row_S]), names=[gallery.names[row] for row in row_S])
    exact = nearest(sample, gallery, _NUM_NEIGHBOURS, itself_Q=row_S, progress=progress)
    found = nearest_by_codes(sample, gallery, _NUM_NEIGHBOURS, codes, itself_Q=row_S)
    return Index(codes, _recall(found, exact, 1), _recall(found, exact, _NUM_NEIGHBOURS), len(row_S))


def nearest_by_codes(
    queries: StoredEmbeddings,
    gallery: StoredEmbeddings,
    top: int,
    codes: Codes,
    *,
    itself_Q: NDArray[np.int64] | None = None,
    progress: Progress | None = None,
) -> Hits:
    """Search every query among the entries whose codes are the most similar, and score these exactly.

    Args:
        queries: as `nearest`, as the further arguments and errors.
        gallery: the gallery that the codes belong to.
        top: K; a query has 1,000 candidates, and at least ten for each hit.
        codes: the codes of the gallery's rows.
        itself_Q: see `nearest`.
        progress: see `nearest`.
    """
    number = max(NUM_CANDIDATES, _CANDIDATES_OF_HIT * top)
    return nearest_of(
        queries, gallery, top, lambda units_QD: codes.candidates(units_QD, number), itself_Q=itself_Q, progress=progress
    )


def _recall(found: Hits, exact: Hits, top: int) -> float:
    """Return the share of the exact hits that were found; 1 if there are none."""
    wanted_SK = exact.rows_QK[:, :top]
    is_found_SK = (wanted_SK[:, :, None] == found.rows_QK[:, None, :top]).any(axis=2)
    return float(is_found_SK[wanted_SK >= 0].mean()) if (wanted_SK >= 0).any() else 1.0


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
