"""What is odd about a list of pairs: those that are listed twice; images paired with themselves are refused."""

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pairs import PairList


def pair_warnings(pairs: PairList, left_N: NDArray[np.int64], right_N: NDArray[np.int64]) -> list[str]:
    """Say what flatters or repeats in a list of pairs, one sentence each; nothing if all is well.

    Args:
        pairs: the pairs.
        left_N: which image the first one of each pair is.
        right_N: which image the second one of each pair is.

    Raises:
        FembError: an image is paired with itself.
    """
    with_itself = np.flatnonzero(left_N == right_N)
    if len(with_itself):
        raise FembError(
            f"{_place(pairs, with_itself[0])}: the image is paired with itself, which no network could tell apart"
            f" ({len(with_itself)} such pairs of {len(pairs)})",
            hint="remove the pairs: they measure nothing",
        )
    warnings = []
    repeated = _repeated(left_N, right_N)
    if len(repeated):
        first = _place(pairs, repeated[0])
        warnings.append(f"{first}: the pair is listed before ({len(repeated)} repeated pairs of {len(pairs)})")
    return warnings


def _repeated(left_N: NDArray[np.int64], right_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pairs whose two images, in either order, form a pair further up."""
    ordered_N2 = np.sort(np.stack((left_N, right_N), axis=1), axis=1)
    _, first_N = np.unique(ordered_N2, axis=0, return_index=True)
    return np.setdiff1d(np.arange(len(left_N)), first_N)


def _place(pairs: PairList, row: int) -> str:
    """File, line and images of a pair."""
    return f"{pairs.path}, line {pairs.lines_N[row]} ({pairs.left[row]}, {pairs.right[row]})"
