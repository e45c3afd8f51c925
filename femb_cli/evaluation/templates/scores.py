"""The cosines of pairs of templates, from parts of the table of all cosines.

Shape suffixes: T templates, D embedding dimension, P pairs of templates, R rows and C columns of a table of cosines.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CELLS = 2**22
"""Cells of a strip of the table."""
_CELLS_PER_PAIR = 64
"""With more cells for each pair than this, the pairs of a strip are computed one by one."""
_PAIRS_AT_A_TIME = 4096


def template_scores(
    features_TD: NDArray[Any], left_P: NDArray[np.integer[Any]], right_P: NDArray[np.integer[Any]]
) -> NDArray[Any]:
    """Compute the cosine of each pair of templates, in the type of the features.

    The table of all cosines is computed in strips of rows, and the pairs of each strip are read from it. A matrix
    product is so much faster than gathering rows that most of the table may be unused: IJB-C, with 3,531 templates of
    the gallery and 19,593 probes, uses a fifth.

    Args:
        features_TD: features of unit length.
        left_P: row of the first template of each pair.
        right_P: row of the second template of each pair.

    Returns:
        Scores (P,) in the order of the pairs.
    """
    table = _Table.of_pairs(len(features_TD), left_P, right_P)
    rows_RD, columns_CD = (_rows(features_TD, used) for used in (table.rows, table.columns))
    height = max(1, _CELLS // max(1, len(columns_CD)))
    # NumPy sorts 16-bit integers several times faster than longer ones.
    strip_P = (table.row_P // height).astype(np.min_scalar_type(len(rows_RD)))
    order_P = np.argsort(strip_P, kind="stable")
    ends = np.bincount(strip_P).cumsum().tolist()
    scores_P = np.empty(len(left_P), dtype=features_TD.dtype)
    for strip, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        pairs = order_P[start:end]
        if len(pairs):
            top = strip * height
            scores_P[pairs] = _strip_scores(
                rows_RD[top : top + height], columns_CD, table.row_P[pairs] - top, table.column_P[pairs]
            )
    return scores_P


@dataclass(frozen=True, eq=False)
class _Table:
    """The places of the pairs in a table of cosines without unused rows and columns.

    Attributes:
        rows: template of each row.
        columns: template of each column.
        row_P: row of each pair.
        column_P: column of each pair.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    row_P: NDArray[np.int32]
    column_P: NDArray[np.int32]

    @classmethod
    def of_pairs(
        cls, num_templates: int, left_P: NDArray[np.integer[Any]], right_P: NDArray[np.integer[Any]]
    ) -> "_Table":
        """Choose the table of left against right templates, or half of the table of all if that is smaller."""
        left, right = (np.flatnonzero(np.bincount(side, minlength=num_templates)) for side in (left_P, right_P))
        if 2 * len(left) * len(right) > num_templates**2:
            # The cosine is symmetric, so each pair can be above the diagonal, and strips begin there.
            left_P, right_P = np.minimum(left_P, right_P), np.maximum(left_P, right_P)
            left = right = np.arange(num_templates)
        return cls(left, right, _places(left, num_templates)[left_P], _places(right, num_templates)[right_P])


def _places(templates: NDArray[np.intp], num_templates: int) -> NDArray[np.int32]:
    """Place of each template among those that are used."""
    places = np.empty(num_templates, dtype=np.int32)
    places[templates] = np.arange(len(templates), dtype=np.int32)
    return places


def _rows(features_TD: NDArray[Any], used: NDArray[np.intp]) -> NDArray[Any]:
    """The rows that are used; no copy if all of them are."""
    return features_TD if len(used) == len(features_TD) else features_TD[used]


def _strip_scores(
    rows_RD: NDArray[Any], columns_CD: NDArray[Any], row_P: NDArray[Any], column_P: NDArray[Any]
) -> NDArray[Any]:
    """Compute the scores of the pairs of one strip; one by one if they are few."""
    first, last = int(column_P.min()), int(column_P.max()) + 1
    if len(row_P) * _CELLS_PER_PAIR < len(rows_RD) * (last - first):
        parts = np.array_split(np.arange(len(row_P)), -(-len(row_P) // _PAIRS_AT_A_TIME))
        return np.concatenate(
            [np.einsum("pd,pd->p", rows_RD[row_P[part]], columns_CD[column_P[part]]) for part in parts]
        )
    table_RC = rows_RD @ columns_CD[first:last].T
    return table_RC.ravel()[row_P * (last - first) + (column_P - first)]
