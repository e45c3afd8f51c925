"""All pairs of embeddings at least as similar as a threshold, block by block.

Shape suffixes: N embeddings, D embedding dimension, P pairs.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from femb_cli.progress import Progress
from femb_cli.search.cosines import exact_cosines, fast_cosines, fast_rows, largest_error

_ROWS_AT_ONCE = 2048


def pairs_above(
    rows_ND: NDArray[np.number], threshold: float, progress: Progress | None = None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the pairs whose cosine is at least the threshold, as two arrays of rows, (P,) each; the smaller row first.

    A cosine so close to the threshold that float32 cannot tell is computed in float64.

    Args:
        rows_ND: embeddings, normalised or not, none of them zero or not finite.
        threshold: a cosine.
        progress: called with the number of pairs compared, and the total.
    """
    error = largest_error(rows_ND.shape[1])
    starts = range(0, len(rows_ND), _ROWS_AT_ONCE)
    total, done = len(rows_ND) * (len(rows_ND) - 1) // 2, 0
    for start in starts:
        left = rows_ND[start : start + _ROWS_AT_ONCE]
        units_BD = fast_rows(left).units_ND
        for other in starts[start // _ROWS_AT_ONCE :]:
            right = rows_ND[other : other + _ROWS_AT_ONCE]
            cosines_BB = fast_cosines(units_BD, fast_rows(right))
            left_P, right_P = np.nonzero(cosines_BB >= threshold - error)
            cosines_P = cosines_BB[left_P, right_P]
            ahead_P = left_P + start < right_P + other
            left_P, right_P, cosines_P = left_P[ahead_P], right_P[ahead_P], cosines_P[ahead_P]
            unclear_P = np.flatnonzero(cosines_P < threshold + error)
            exact_P = exact_cosines(left, right, left_P[unclear_P], right_P[unclear_P])
            kept_P = np.ones(len(left_P), dtype=bool)
            kept_P[unclear_P] = exact_P >= threshold
            done += len(left) * len(right) if other > start else len(left) * (len(left) - 1) // 2
            if progress is not None:
                progress(done, total)
            yield left_P[kept_P] + start, right_P[kept_P] + other
