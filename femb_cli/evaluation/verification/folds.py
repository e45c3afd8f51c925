"""Cut a list of pairs into folds for cross-validation.

Shape suffix: N pairs.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError

_DEFAULT_FOLDS = 10


def default_folds(genuine_N: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Cut a list without folds into ten stratified ones.

    If there are fewer than ten pairs of either kind, there are as many folds as pairs of that kind, but at least one.

    Returns:
        Fold of each pair, counted from 0, int64 (N,).
    """
    num_genuine = int(np.count_nonzero(genuine_N))
    rarer = min(num_genuine, len(genuine_N) - num_genuine)
    if rarer < 2:
        return np.zeros(len(genuine_N), dtype=np.int64)
    return stratified_folds(genuine_N, min(_DEFAULT_FOLDS, rarer))


def stratified_folds(genuine_N: ArrayLike, num_folds: int) -> NDArray[np.int64]:
    """Cut the genuine pairs and, separately, the impostor pairs into folds, in the order of the list.

    Returns:
        Fold of each pair, counted from 0, int64 (N,).

    Raises:
        FembError: if there are fewer pairs of one kind than folds.
    """
    genuine = np.asarray(genuine_N, dtype=bool)
    folds = np.empty(len(genuine), dtype=np.int64)
    for kind in (genuine, ~genuine):
        folds[kind] = contiguous_folds(int(np.count_nonzero(kind)), num_folds)
    return folds


def contiguous_folds(num_pairs: int, num_folds: int) -> NDArray[np.int64]:
    """Cut a list of pairs into folds of consecutive pairs.

    If the pairs do not divide evenly, the first folds are one pair longer.

    Returns:
        Fold of each pair, counted from 0, int64 (num_pairs,).

    Raises:
        FembError: if there are fewer pairs than folds.
    """
    if num_pairs < num_folds:
        raise FembError(f"{num_pairs} pairs cannot fill {num_folds} folds", hint="use a list with more pairs")
    shorter, num_longer = divmod(num_pairs, num_folds)
    sizes = [shorter + 1] * num_longer + [shorter] * (num_folds - num_longer)
    return np.repeat(np.arange(num_folds, dtype=np.int64), sizes)
