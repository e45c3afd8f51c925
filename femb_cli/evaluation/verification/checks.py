"""Check a list of pairs: refuse images paired with themselves; warn of repeated pairs, unbalanced lists, and distances.

Shape suffixes: N pairs, U different pairs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.text import counted


def pair_warnings(pairs: PairList, left_N: NDArray[Any], right_N: NDArray[Any]) -> list[str]:
    """Return one sentence for each problem of a list of pairs that does not stop its verification.

    Args:
        pairs: the pairs.
        left_N: number of the first image of each pair.
        right_N: number of the second image of each pair.

    Raises:
        FembError: an image is paired with itself, or a pair is listed as genuine and as impostor.
    """
    with_itself = np.flatnonzero(left_N == right_N)
    if len(with_itself):
        raise FembError(
            f"{_place(pairs, with_itself[0])}: the image is paired with itself, so its score is always 1"
            f" ({counted(len(with_itself), 'such pair')} of {len(pairs):,})",
            hint="remove these pairs",
        )
    numbers_N = _numbers(left_N, right_N)
    repeated = _later(numbers_N)
    if not len(repeated):
        return []
    if pairs.is_labelled:
        _refuse_contradiction(pairs, numbers_N)
    return [_listed_before(_place(pairs, repeated[0]), repeated, pairs)]


def named_warnings(pairs: PairList) -> list[str]:
    """Return one sentence for each problem of pairs that are known by the names of their images alone.

    The two columns may name images of two folders, so that pairs in the other order are other pairs, and a name that is
    in both columns is only suspicious.

    Args:
        pairs: the pairs; the columns of their names share their values, or are empty.
    """
    left_N, right_N = (column.codes_N.astype(np.int64) for column in (pairs.left, pairs.right))
    if not len(left_N):
        return []
    warnings = []
    with_itself = np.flatnonzero(left_N == right_N)
    if len(with_itself):
        warnings.append(
            f"{_score(pairs, with_itself[0])}: both images have one name ({counted(len(with_itself), 'such pair')} of"
            f" {len(pairs):,}); an image that is compared with itself makes the figures too good"
        )
    repeated = _later(left_N * (right_N.max() + 1) + right_N)
    if len(repeated):
        warnings.append(_listed_before(_score(pairs, repeated[0]), repeated, pairs))
    return warnings


def balance_warnings(name: str, genuine_N: NDArray[np.bool_], accuracy: float) -> list[str]:
    """Return a sentence on the accuracy of a list that has more than twice as many pairs of one kind as of the other.

    Args:
        name: name of the list.
        genuine_N: whether each pair shows one person, both kinds.
        accuracy: the accuracy that was measured, in [0, 1].
    """
    num_genuine = int(genuine_N.sum())
    num_impostor = len(genuine_N) - num_genuine
    larger, smaller = max(num_genuine, num_impostor), min(num_genuine, num_impostor)
    if larger <= 2 * smaller:
        return []
    decision = "refusing" if num_impostor > num_genuine else "accepting"
    trivial = larger / len(genuine_N)
    verdict = "read accuracies beside that"  # the same words for all models, so that they are shown once
    if accuracy <= trivial:
        verdict = f"and the accuracy of {100 * accuracy:.2f} % is no higher than that"
    return [
        f"{name} has {num_genuine:,} genuine and {num_impostor:,} impostor pairs: {decision} everybody has an accuracy"
        f" of {100 * trivial:.2f} %, {verdict}; the EER and the FNMR do not depend on the numbers of pairs"
    ]


def order_warnings(name: str, auc: float, *, are_distances: bool) -> list[str]:
    """Return a sentence on scores of another program that are higher for impostor pairs than for genuine ones.

    Args:
        name: name of the file of the scores.
        auc: area under their ROC curve, in [0, 1].
        are_distances: whether they were read as distances.
    """
    if auc >= 0.5:
        return []
    opposite, advice = ("similarities", "leave out") if are_distances else ("distances", "add")
    return [
        f"{name}: genuine pairs look less alike than impostor pairs (AUC {auc:.3f}); if the scores are {opposite},"
        f" {advice} --distances"
    ]


def _refuse_contradiction(pairs: PairList, numbers_N: NDArray[np.int64]) -> None:
    """Refuse a list in which two rows of one number have different flags."""
    order_N = np.argsort(numbers_N, kind="stable")
    is_same_N = numbers_N[order_N[1:]] == numbers_N[order_N[:-1]]
    differ = np.flatnonzero(is_same_N & (pairs.genuine_N[order_N[1:]] != pairs.genuine_N[order_N[:-1]]))
    if len(differ):
        first, second = (int(order_N[differ[0] + step]) for step in (0, 1))
        raise FembError(
            f"{_place(pairs, second)}: the pair is {_kind(pairs, second)}, but {_kind(pairs, first)} in"
            f" {pairs.place(first)} ({counted(len(differ), 'such pair')})",
            hint="keep the right one of both lines",
        )


def _kind(pairs: PairList, row: int) -> str:
    return "genuine" if pairs.genuine_N[row] else "impostor"


def _later(numbers_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows whose number an earlier row has."""
    ascending_N = np.sort(numbers_N)
    if not (ascending_N[1:] == ascending_N[:-1]).any():
        return np.empty(0, dtype=np.int64)  # finding the first of each takes four times as long
    _, first_U = np.unique(numbers_N, return_index=True)
    is_repeated_N = np.ones(len(numbers_N), dtype=bool)
    is_repeated_N[first_U] = False
    return np.flatnonzero(is_repeated_N)


def _numbers(left_N: NDArray[Any], right_N: NDArray[Any]) -> NDArray[np.int64]:
    """One number for each pair of images in either order, which sorts faster than two."""
    larger_N = np.maximum(left_N, right_N)
    numbers_N = np.minimum(left_N, right_N, dtype=np.int64)
    numbers_N *= int(larger_N.max(initial=0)) + 1
    numbers_N += larger_N
    return numbers_N


def _listed_before(first: str, repeated: NDArray[np.int64], pairs: PairList) -> str:
    return f"{first}: the pair is listed before ({counted(len(repeated), 'repeated pair')} of {len(pairs):,})"


def _score(pairs: PairList, row: int) -> str:
    """File and images of a score, whose line is not kept."""
    return f"{pairs.name}, {pairs.left[row]} and {pairs.right[row]}"


def _place(pairs: PairList, row: int) -> str:
    """File, line and images of a pair."""
    return f"{pairs.place(row)} ({pairs.left[row]}, {pairs.right[row]})"
