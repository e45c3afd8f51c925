"""Verification figures of scored pairs, exact at every threshold.

A higher score means more alike, and a pair is accepted if its score is at least the threshold; pairs of equal score are
accepted or rejected together. FMR, FNMR, TAR, FAR and EER are used as in ISO/IEC 19795-1.

Shape suffixes: N pairs, G genuine pairs, I impostor pairs, T thresholds.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError


@dataclass(frozen=True, eq=False)
class RocCurve:
    """An exact ROC curve, kept as the two sorted lists of scores that it follows from.

    A point of the curve costs two binary searches, so that nothing as long as the list of pairs is ever added to it.

    Attributes:
        genuine_G: scores of the genuine pairs, float64, ascending.
        impostor_I: scores of the impostor pairs, float64, ascending.
    """

    genuine_G: NDArray[np.float64]
    impostor_I: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RocPoints:
    """All points of a ROC curve, from the strictest threshold to the most lenient.

    Attributes:
        threshold_T: infinity (nothing is accepted), then every distinct score, descending.
        fmr_T: share of the impostor pairs that is accepted, in [0, 1].
        fnmr_T: share of the genuine pairs that is rejected, in [0, 1].
    """

    threshold_T: NDArray[np.float64]
    fmr_T: NDArray[np.float64]
    fnmr_T: NDArray[np.float64]


@dataclass(frozen=True)
class OperatingPoint:
    """What a verifier does at one threshold.

    Attributes:
        threshold: scores of at least this are accepted.
        tar: share of the genuine pairs that is accepted, in [0, 1].
        far: share of the impostor pairs that is accepted, in [0, 1].
        false_accepts: number of impostor pairs that are accepted.
        allowed_false_accepts: number that the asked-for FAR allows; 0 says that there are too few pairs to resolve it.
    """

    threshold: float
    tar: float
    far: float
    false_accepts: int
    allowed_false_accepts: int


def checked_scores(scores_N: ArrayLike, genuine_N: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return scores and flags as flat arrays of float64 and bool.

    Raises:
        FembError: if there are not as many flags as scores, a score is not finite, or one kind of pair is absent.
    """
    scores = np.asarray(scores_N, dtype=np.float64)
    genuine = np.asarray(genuine_N, dtype=bool)
    if scores.ndim != 1 or scores.shape != genuine.shape:
        raise FembError(
            f"every pair needs one score and one flag: {scores.shape} scores, {genuine.shape} genuine flags"
        )
    finite = np.isfinite(scores)
    if not finite.all():
        row = int(np.argmin(finite))
        raise FembError(
            f"the score of pair {row} (counted from 0) is {scores[row]}",
            hint="an embedding is probably not finite; look for NaN in the embeddings",
        )
    num_genuine = int(np.count_nonzero(genuine))
    if num_genuine in (0, len(genuine)):
        raise FembError(
            f"{num_genuine} genuine and {len(genuine) - num_genuine} impostor pairs: error rates need both kinds",
            hint="check the flags (LFW: order of the lines; CSV: column `mated`) of the pair file",
        )
    return scores, genuine


def roc_curve(scores_N: ArrayLike, genuine_N: ArrayLike) -> RocCurve:
    """Sort the scores once, for every figure of this module.

    Args:
        scores_N: similarity of each pair, finite.
        genuine_N: true where both images show the same person.

    Raises:
        FembError: as `checked_scores`.
    """
    scores, genuine = checked_scores(scores_N, genuine_N)
    return RocCurve(np.sort(scores[genuine]), np.sort(scores[~genuine]))


def roc_points(curve: RocCurve) -> RocPoints:
    """List every point of the curve, "accept none" included; for plots."""
    scores = np.unique(np.concatenate((curve.genuine_G, curve.impostor_I)))
    false_rejects = np.searchsorted(curve.genuine_G, scores)
    true_rejects = np.searchsorted(curve.impostor_I, scores)
    return RocPoints(
        threshold_T=np.append(scores, np.inf)[::-1],
        fmr_T=1.0 - np.append(true_rejects, len(curve.impostor_I))[::-1] / len(curve.impostor_I),
        fnmr_T=np.append(false_rejects, len(curve.genuine_G))[::-1] / len(curve.genuine_G),
    )


def tar_at_far(curve: RocCurve, far: float) -> OperatingPoint:
    """Return the point of largest TAR with at most floor(far x impostor pairs) false accepts.

    Args:
        curve: the sorted scores.
        far: allowed share of accepted impostor pairs, in [0, 1].

    Returns:
        The point; its threshold lies half way between the highest rejected impostor score and the lowest accepted
        score.

    Raises:
        FembError: if `far` is not in [0, 1].
    """
    genuine, impostor = curve.genuine_G, curve.impostor_I
    allowed = _allowed_false_accepts(far, len(impostor))
    if allowed == len(impostor):
        return OperatingPoint(float(min(genuine[0], impostor[0])), 1.0, 1.0, allowed, allowed)
    limit = impostor[len(impostor) - allowed - 1]
    first_genuine = int(np.searchsorted(genuine, limit, side="right"))
    first_impostor = int(np.searchsorted(impostor, limit, side="right"))
    accepted = [*genuine[first_genuine : first_genuine + 1], *impostor[first_impostor : first_impostor + 1]]
    return OperatingPoint(
        threshold=_threshold_above(limit, accepted),
        tar=(len(genuine) - first_genuine) / len(genuine),
        far=(len(impostor) - first_impostor) / len(impostor),
        false_accepts=len(impostor) - first_impostor,
        allowed_false_accepts=allowed,
    )


def fnmr_at_fmr(curve: RocCurve, fmr: float) -> float:
    """Return the lowest FNMR with at most floor(fmr x impostor pairs) false matches; raises as `tar_at_far`."""
    return 1.0 - tar_at_far(curve, fmr).tar


def equal_error_rate(curve: RocCurve) -> float:
    """Return the mean of FMR and FNMR at the point where they are nearest; of two equally near, the stricter."""
    stricter, more_lenient = _around_equal_error(curve)
    nearest = stricter if abs(_excess(curve, stricter)) <= abs(_excess(curve, more_lenient)) else more_lenient
    return sum(_error_rates(curve, nearest)) / 2


def interpolated_equal_error_rate(curve: RocCurve) -> float:
    """Return the rate at which the broken lines FMR and FNMR cross, drawn through all points of the curve."""
    stricter, more_lenient = _around_equal_error(curve)
    fmr_before, fnmr_before = _error_rates(curve, stricter)
    fmr_after, fnmr_after = _error_rates(curve, more_lenient)
    step = (fnmr_before - fmr_before) / (fnmr_before - fmr_before + fmr_after - fnmr_after)
    return fmr_before + step * (fmr_after - fmr_before)


def auc(curve: RocCurve) -> float:
    """Return the probability that a genuine pair scores higher than an impostor pair; ties count one half."""
    lower = int(np.searchsorted(curve.impostor_I, curve.genuine_G, side="left").sum())
    lower_or_equal = int(np.searchsorted(curve.impostor_I, curve.genuine_G, side="right").sum())
    return (lower + lower_or_equal) / (2 * len(curve.genuine_G) * len(curve.impostor_I))


def d_prime(curve: RocCurve) -> float | None:
    """Return the distance of the two mean scores in units of their root mean variance (dividing by the number).

    None where all genuine scores are equal and all impostor scores are equal: the distance has no unit then.
    """
    genuine, impostor = curve.genuine_G, curve.impostor_I
    if genuine[0] == genuine[-1] and impostor[0] == impostor[-1]:
        return None
    return float((genuine.mean() - impostor.mean()) / math.sqrt((genuine.var() + impostor.var()) / 2))


def _allowed_false_accepts(far: float, num_impostor: int) -> int:
    """Floor of the product in decimal: in binary 0.29 x 100 falls short of 29."""
    if not 0.0 <= far <= 1.0:
        raise FembError(f"a false accept rate lies between 0 and 1, not at {far}")
    return int(Decimal(str(far)) * num_impostor)


def _threshold_above(limit: float, accepted: list[float]) -> float:
    """Half way between the limit, which is rejected, and the lowest accepted score, if there is one."""
    if not accepted:
        return math.nextafter(limit, math.inf)
    lowest = min(accepted)
    middle = limit + (lowest - limit) / 2
    # Between neighbouring floats there is no middle, and it must not fall back onto the limit.
    return float(middle if middle > limit else lowest)


def _error_counts(curve: RocCurve, threshold: float) -> tuple[int, int]:
    """Number of false accepts and of false rejects at a threshold."""
    true_rejects = int(np.searchsorted(curve.impostor_I, threshold))
    return len(curve.impostor_I) - true_rejects, int(np.searchsorted(curve.genuine_G, threshold))


def _error_rates(curve: RocCurve, threshold: float) -> tuple[float, float]:
    """FMR and FNMR at a threshold."""
    false_accepts, false_rejects = _error_counts(curve, threshold)
    return false_accepts / len(curve.impostor_I), false_rejects / len(curve.genuine_G)


def _excess(curve: RocCurve, threshold: float) -> int:
    """FMR - FNMR times both numbers of pairs: an exact integer, lower for every higher score."""
    false_accepts, false_rejects = _error_counts(curve, threshold)
    return false_accepts * len(curve.genuine_G) - false_rejects * len(curve.impostor_I)


def _around_equal_error(curve: RocCurve) -> tuple[float, float]:
    """The lowest threshold with FMR <= FNMR (infinity at worst), and the highest one with FMR > FNMR."""
    stricter, more_lenient = math.inf, -math.inf
    for scores in (curve.genuine_G, curve.impostor_I):
        first = bisect_left(scores, 0, key=lambda score: -_excess(curve, score))
        if first < len(scores):
            stricter = min(stricter, float(scores[first]))
        if first > 0:
            more_lenient = max(more_lenient, float(scores[first - 1]))
    return stricter, more_lenient
