"""Cut a list of pairs into folds for cross-validation.

The number of a fold takes one byte, if there are not more than 255 folds.

Shape suffix: N pairs.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError

_DEFAULT_FOLDS = 10


Folds = NDArray[np.unsignedinteger[Any]]
"""The fold of each pair, counted from 0, of the smallest type."""


def numbered_from_zero(folds_N: NDArray[np.integer[Any]], first: int = 0) -> Folds:
    """Return folds that are counted from `first`, such as 1, as folds that are counted from 0."""
    folds = folds_N - folds_N.dtype.type(first)
    return folds.astype(fold_type(int(folds.max()) + 1), copy=False)


def without_gaps(folds_N: Folds) -> Folds:
    """Return folds whose numbers have no gaps, in the same order."""
    present = np.unique(folds_N)
    numbers = np.zeros(int(present.max(initial=0)) + 1, dtype=fold_type(len(present)))
    numbers[present] = np.arange(len(present))
    return numbers[folds_N]


def fold_type(num_folds: int) -> np.dtype[Any]:
    """Return the smallest type for so many folds."""
    return np.min_scalar_type(num_folds)


def default_folds(genuine_N: NDArray[np.bool_]) -> Folds:
    """Cut a list without folds into ten stratified ones.

    If there are fewer than ten pairs of either kind, there are as many folds as pairs of that kind, but at least one.

    Returns:
        Fold of each pair, counted from 0 (N,).
    """
    num_genuine = int(np.count_nonzero(genuine_N))
    rarer = min(num_genuine, len(genuine_N) - num_genuine)
    if rarer < 2:
        return np.zeros(len(genuine_N), dtype=fold_type(1))
    return stratified_folds(genuine_N, min(_DEFAULT_FOLDS, rarer))


def stratified_folds(genuine_N: ArrayLike, num_folds: int) -> Folds:
    """Cut the genuine pairs and, separately, the impostor pairs into folds, in the order of the list.

    Returns:
        Fold of each pair, counted from 0 (N,).

    Raises:
        FembError: if there are fewer pairs of one kind than folds.
    """
    genuine = np.asarray(genuine_N, dtype=bool)
    folds = np.empty(len(genuine), dtype=fold_type(num_folds))
    for kind in (genuine, ~genuine):
        folds[kind] = contiguous_folds(int(np.count_nonzero(kind)), num_folds)
    return folds


def contiguous_folds(num_pairs: int, num_folds: int) -> Folds:
    """Cut a list of pairs into folds of consecutive pairs.

    If the pairs do not divide evenly, the first folds are one pair longer.

    Returns:
        Fold of each pair, counted from 0 (num_pairs,).

    Raises:
        FembError: if there are fewer pairs than folds.
    """
    if num_pairs < num_folds:
        raise FembError(f"{num_pairs} pairs cannot fill {num_folds} folds", hint="use a list with more pairs")
    shorter, num_longer = divmod(num_pairs, num_folds)
    sizes = [shorter + 1] * num_longer + [shorter] * (num_folds - num_longer)
    return np.repeat(np.arange(num_folds, dtype=fold_type(num_folds)), sizes)
