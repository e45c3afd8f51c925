"""Which entry of a gallery is the query itself, so that an image does not find itself.

Shape suffixes: Q queries.
"""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.embeddings.read import StoredEmbeddings

TOLERANCE = 1e-4
"""Largest difference between two embeddings of one image, as a share of the largest entry: rounding causes 4e-6."""


_SINGULAR = {"queries": "query", "probes": "probe"}

COPY = 1 - 1e-6
"""Cosine from which two embeddings are of one image, up to rounding."""


def same_items(queries: StoredEmbeddings, gallery: StoredEmbeddings) -> NDArray[np.int64]:
    """Return the row of the gallery that is the same item as each query, int64 (Q,); -1 where there is none.

    Row i of a file is row i of the same file. In two files, items are the same if they have the same name and the same
    embedding up to rounding: photos of one name in two folders are not the same, a copy of a file is.
    """
    if queries.path.exists() and gallery.path.exists() and queries.path.samefile(gallery.path):
        return np.arange(len(queries.names))
    wanted, rows_of = set(queries.names), defaultdict(list)
    for row, name in enumerate(gallery.names):
        if name in wanted:
            rows_of[name].append(row)
    itself_Q = np.full(len(queries.names), -1, dtype=np.int64)
    if queries.rows_ND.shape[1] != gallery.rows_ND.shape[1]:
        return itself_Q
    for query, name in enumerate(queries.names):
        for row in rows_of.get(name, ()):
            one_D = queries.rows_ND[query].astype(np.float64)
            if np.abs(one_D - gallery.rows_ND[row]).max(initial=0) <= TOLERANCE * np.abs(one_D).max(initial=0):
                itself_Q[query] = row
                break
    return itself_Q


def describe_left_out(itself_Q: NDArray[np.int64], what: str) -> str:
    """Say how many queries are in the gallery themselves; empty if none is.

    Args:
        itself_Q: what `same_items` returned.
        what: what to call them: `queries` or `probes`.
    """
    number = int((itself_Q >= 0).sum())
    if not number:
        return ""
    if len(itself_Q) == 1:
        return f"the {_SINGULAR[what]} is in the gallery itself: it is not compared with itself"
    if number == 1:
        return f"1 of {len(itself_Q):,} {what} is in the gallery itself: it is not compared with itself"
    some = f"all {number:,}" if number == len(itself_Q) else f"{number:,} of {len(itself_Q):,}"
    return f"{some} {what} are in the gallery themselves: none of them is compared with itself"


def describe_copies(best_score_Q: NDArray[np.float64], what: str) -> str:
    """Say how many queries find an entry that is equal but has another name; empty if none does.

    Such an entry stays among the hits, because it may be a copy that the user looks for.

    Args:
        best_score_Q: cosine of the best entry of each query, itself left out.
        what: what to call the queries.
    """
    number = int((best_score_Q >= COPY).sum())
    if not number:
        return ""
    return (
        f"{number:,} of {len(best_score_Q):,} {what} find an entry that has the same embedding and another name: a copy"
        " of the image, or the image itself if the two sides name it differently"
    )
