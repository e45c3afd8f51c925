"""Cosines in two steps: fast ones in float32 that are wrong by a known amount at most, and exact ones in float64.

A search compares billions of pairs and keeps a few. The fast cosines rule out the others, and the exact cosines decide
among the few, so that a result does not depend on blocks, on threads or on the library of matrix products.

Shape suffixes: N and M embeddings, D embedding dimension, P pairs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.metrics.checks import check_embeddings

_PAIRS_AT_ONCE = 1 << 14
_ORDINARY_SQUARES = (1e-20, 1e20)
"""Squared lengths that float32 holds without overflow, and without loss in their smaller terms."""


@dataclass(frozen=True, eq=False)
class FastRows:
    """Rows for fast cosines: `rows_ND @ unit_D * inverse_N`.

    Attributes:
        rows_ND: the embeddings, float32.
        inverse_N: what to multiply a product with, float32.
        lengths_N: L2 norms of the embeddings, or their squares, for `check_embeddings`.
    """

    rows_ND: NDArray[np.float32]
    inverse_N: NDArray[np.float32]
    lengths_N: NDArray[np.float64]

    @property
    def units_ND(self) -> NDArray[np.float32]:
        """The embeddings at length 1."""
        return self.rows_ND * self.inverse_N[:, None]


def fast_rows(rows_ND: NDArray[np.number]) -> FastRows:
    """Prepare rows for fast cosines; float32 rows of ordinary lengths are not copied.

    Embeddings that are zero or not finite give cosines that are zero or NaN.
    """
    with np.errstate(all="ignore"):
        if rows_ND.dtype == np.float32:
            single_ND = np.asarray(rows_ND, dtype=np.float32)
            squares_N = np.einsum("nd,nd->n", single_ND, single_ND)
            smallest, largest = _ORDINARY_SQUARES
            if ((squares_N > smallest) & (squares_N < largest)).all():
                return FastRows(single_ND, 1 / np.sqrt(squares_N), squares_N.astype(np.float64))
        exact_ND = rows_ND.astype(np.float64)
        lengths_N = np.linalg.norm(exact_ND, axis=1)
        units_ND = (exact_ND / np.where(lengths_N > 0, lengths_N, 1)[:, None]).astype(np.float32)
        return FastRows(units_ND, np.ones(len(rows_ND), dtype=np.float32), lengths_N)


def fast_cosines(units_ND: NDArray[np.float32], others: FastRows) -> NDArray[np.float32]:
    """Return the fast cosines, (N, M), of rows of length 1 with other rows."""
    with np.errstate(all="ignore"):
        cosines_NM = units_ND @ others.rows_ND.T
        cosines_NM *= others.inverse_N
    return cosines_NM


def largest_error(embedding_dim: int) -> float:
    """Return how far a fast cosine may be from the exact one.

    A sum of D float32 products is wrong by at most D units of rounding times the sum of their magnitudes, in whatever
    order it is added (N. Higham, "Accuracy and Stability of Numerical Algorithms", 2002, equation 3.5), and this sum is
    at most 1 for rows of length 1. The two lengths add D / 2 units each, and a few single roundings.
    """
    return float((2 * embedding_dim + 16) * 2.0**-24)


def exact_cosines(
    left_ND: NDArray[np.number], right_MD: NDArray[np.number], left_P: NDArray[np.int64], right_P: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the cosines of pairs of rows, in float64; equal rows give equal cosines to the last bit.

    Args:
        left_ND: embeddings of the first members.
        right_MD: embeddings of the second members.
        left_P: row of each pair's first member.
        right_P: row of each pair's second member.
    """
    cosines_P = np.empty(len(left_P))
    for start in range(0, len(left_P), _PAIRS_AT_ONCE):
        pairs = slice(start, start + _PAIRS_AT_ONCE)
        left_BD = left_ND[left_P[pairs]].astype(np.float64)
        right_BD = right_MD[right_P[pairs]].astype(np.float64)
        with np.errstate(all="ignore"):
            lengths_B = np.linalg.norm(left_BD, axis=1) * np.linalg.norm(right_BD, axis=1)
            cosines_P[pairs] = (left_BD * right_BD).sum(axis=1) / lengths_B
    return np.clip(cosines_P, -1.0, 1.0, out=cosines_P)


def check_rows(lengths_N: NDArray[np.float64], name_of: Callable[[int], str], path: object) -> None:
    """Refuse embeddings that are zero or not finite, because they have no cosine with anything.

    They are not left out with a warning: such a row is a face that nobody would ever find, which its owner must know.

    Args:
        lengths_N: L2 norms of the embeddings, or their squares.
        name_of: returns the name of a row.
        path: where the embeddings are, for the error.

    Raises:
        FembError: names the first such embedding, and says how many there are.
    """
    check_embeddings(lengths_N, lambda row: f"{path}: the embedding of {name_of(row)!r}, row {row} (counted from 0),")
