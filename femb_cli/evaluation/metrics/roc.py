"""Verification metrics of scored pairs, exact at every threshold.

A higher score means more similar, and a pair is accepted if its score is at least the threshold. Pairs of equal score
are accepted or rejected together. FMR, FNMR, TAR, FAR and EER are used as in ISO/IEC 19795-1.

Scores of float32 stay float32, which takes half the memory. Comparisons are exact, and sums are in float64, so that the
metrics are the same as those of the scores converted to float64.

Shape suffixes: N pairs, G genuine pairs, I impostor pairs, T thresholds.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.blocks import blocks

Scores = NDArray[np.floating[Any]]
"""Float32 if the scores were given as float32, else float64."""

FEWEST_FALSE_ACCEPTS = 10
_FEW_PAIRS = 10_000
_RELATIVE_STEP = 5e-3


@dataclass(frozen=True, eq=False)
class RocCurve:
    """An exact ROC curve, stored as the two sorted lists of scores that determine it.

    A point of the curve takes two binary searches, so the curve needs no memory besides the scores.

    Attributes:
        genuine_G: scores of the genuine pairs, float32 or float64, ascending.
        impostor_I: scores of the impostor pairs, of the same type, ascending.
    """

    genuine_G: Scores
    impostor_I: Scores


@dataclass(frozen=True, eq=False)
class RocPoints:
    """Points of a ROC curve, from the strictest threshold to the most lenient.

    Attributes:
        threshold_T: infinity, which accepts nothing, then distinct scores, descending.
        fmr_T: share of the impostor pairs that is accepted, in [0, 1].
        fnmr_T: share of the genuine pairs that is rejected, in [0, 1].
    """

    threshold_T: NDArray[np.float64]
    fmr_T: NDArray[np.float64]
    fnmr_T: NDArray[np.float64]


@dataclass(frozen=True)
class OperatingPoint:
    """The rates at one threshold.

    Attributes:
        threshold: scores of at least this are accepted.
        tar: share of the genuine pairs that is accepted, in [0, 1].
        far: share of the impostor pairs that is accepted, in [0, 1].
        false_accepts: number of impostor pairs that are accepted.
        allowed_false_accepts: number of false accepts that the requested FAR allows; 0 means too few impostor pairs for
            that rate.
    """

    threshold: float
    tar: float
    far: float
    false_accepts: int
    allowed_false_accepts: int


@dataclass(frozen=True)
class UnsupportedRate:
    """A false accept rate for which a list has too few impostor pairs.

    Attributes:
        rate: the rate.
        allowed_false_accepts: number of false accepts that it allows; 0 is the same as a rate of 0.
        needed_impostor_pairs: number of impostor pairs for which the rate allows `FEWEST_FALSE_ACCEPTS`.
    """

    rate: float
    allowed_false_accepts: int
    needed_impostor_pairs: int


def checked_scores(scores_N: ArrayLike, genuine_N: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return scores and flags as flat arrays of float64 and bool.

    Raises:
        FembError: if the numbers of flags and scores differ, a score is not finite, or there are no pairs of one
            kind.
    """
    scores, genuine = _checked(scores_N, genuine_N)
    return scores.astype(np.float64, copy=False), genuine


def roc_curve(scores_N: ArrayLike, genuine_N: ArrayLike) -> RocCurve:
    """Sort the scores once, for every metric of this module.

    Args:
        scores_N: similarity of each pair, finite; float32 stays float32, every other type becomes float64.
        genuine_N: true where both images show the same person.

    Raises:
        FembError: as `checked_scores`.
    """
    scores, genuine = _checked(scores_N, genuine_N)
    genuine_G, impostor_I = scores[genuine], scores[~genuine]
    # In place: both are copies already.
    genuine_G.sort()
    impostor_I.sort()
    return RocCurve(genuine_G, impostor_I)


def roc_points(curve: RocCurve) -> RocPoints:
    """List enough points of the curve to draw it, starting with the one that accepts no pair.

    With up to 10 000 pairs of each kind these are all points. With more pairs, points are left out as long as no rate
    (FMR, FNMR, 1 - FMR or 1 - FNMR) changes from one point to the next by more than one pair and 0.5 % of itself. Both
    ends of a step over tied scores are kept. If a rate counts more than a few hundred pairs, a step is thus at most
    0.003 decades on a logarithmic axis, and 0.007 on a normal deviate axis (which changes by at most 1.26 times the
    logarithm of a rate below one half).
    """
    scores = _kept_scores(curve)
    false_rejects = np.searchsorted(curve.genuine_G, scores)
    true_rejects = np.searchsorted(curve.impostor_I, scores)
    return RocPoints(
        threshold_T=np.append(scores.astype(np.float64), np.inf)[::-1],
        fmr_T=1.0 - np.append(true_rejects, len(curve.impostor_I))[::-1] / len(curve.impostor_I),
        fnmr_T=np.append(false_rejects, len(curve.genuine_G))[::-1] / len(curve.genuine_G),
    )


def tar_at_far(curve: RocCurve, far: float) -> OperatingPoint:
    """Return the point of largest TAR with at most floor(far x impostor pairs) false accepts.

    Args:
        curve: the sorted scores.
        far: allowed share of accepted impostor pairs, in [0, 1].

    Returns:
        The point; its threshold is half way between the highest rejected impostor score and the lowest accepted score.

    Raises:
        FembError: if `far` is not in [0, 1].
    """
    genuine, impostor = curve.genuine_G, curve.impostor_I
    allowed = allowed_false_accepts(far, len(impostor))
    if allowed == len(impostor):
        return OperatingPoint(float(min(genuine[0], impostor[0])), 1.0, 1.0, allowed, allowed)
    limit = impostor[len(impostor) - allowed - 1]
    first_genuine = int(np.searchsorted(genuine, limit, side="right"))
    first_impostor = int(np.searchsorted(impostor, limit, side="right"))
    accepted = [*genuine[first_genuine : first_genuine + 1], *impostor[first_impostor : first_impostor + 1]]
    return OperatingPoint(
        threshold=_threshold_above(float(limit), [float(score) for score in accepted]),
        tar=(len(genuine) - first_genuine) / len(genuine),
        far=(len(impostor) - first_impostor) / len(impostor),
        false_accepts=len(impostor) - first_impostor,
        allowed_false_accepts=allowed,
    )


def fnmr_at_fmr(curve: RocCurve, fmr: float) -> float:
    """Return the lowest FNMR with at most floor(fmr x impostor pairs) false matches; raises as `tar_at_far`."""
    return 1.0 - tar_at_far(curve, fmr).tar


def allowed_false_accepts(far: float, num_impostor: int) -> int:
    """Return floor(far x impostor pairs), computed in decimal: in binary, 0.29 x 100 is slightly less than 29.

    Raises:
        FembError: if `far` is not in [0, 1].
    """
    if not 0.0 <= far <= 1.0:
        raise FembError(f"a false accept rate lies between 0 and 1, not at {far}")
    return int(Decimal(str(far)) * num_impostor)


def unsupported_rates(num_impostor: int, rates: Iterable[float]) -> list[UnsupportedRate]:
    """Return the false accept rates that allow fewer than ten false accepts among the impostor pairs.

    ISO/IEC 19795-1, annex B, names two rules. Rule of 3 (J. Hanley and A. Lippman-Hand, "If nothing goes wrong, is
    everything all right?", JAMA 249, 1983): n independent pairs without an error show, at 95 % confidence, that the
    rate is below 3 / n. Rule of 30 (G. Doddington et al., "The NIST speaker recognition evaluation", Speech
    Communication 31, 2000): with 30 errors the true rate is within 30 % of the measured one, at 90 % confidence. With
    10 errors it is within 52 %. With fewer errors a rate gives only the order of magnitude, hence the limit of ten.

    Args:
        num_impostor: number of impostor pairs.
        rates: the requested rates, each in [0, 1]; a rate of 0 always has enough pairs.

    Raises:
        FembError: as `tar_at_far`.
    """
    unsupported = []
    for rate in rates:
        allowed = allowed_false_accepts(rate, num_impostor)
        if rate > 0.0 and allowed < FEWEST_FALSE_ACCEPTS:
            needed = math.ceil(FEWEST_FALSE_ACCEPTS / Decimal(str(rate)))
            unsupported.append(UnsupportedRate(rate, allowed, needed))
    return unsupported


def unmeasured_rates(rates: Iterable[str], num_impostor: int) -> list[str]:
    """Return the rates at which impostor pairs allow no false accept, so that they stand for a rate of 0.

    Args:
        rates: false accept rates as text, such as `1e-3`.
        num_impostor: number of impostor pairs.
    """
    return [rate for rate in rates if float(rate) > 0.0 and not allowed_false_accepts(float(rate), num_impostor)]


def equal_error_rate(curve: RocCurve) -> float:
    """Return the mean of FMR and FNMR at the point where they are nearest; of two equally near points, the stricter."""
    stricter, more_lenient = _around_equal_error(curve)
    nearest = stricter if abs(_excess(curve, stricter)) <= abs(_excess(curve, more_lenient)) else more_lenient
    return sum(_error_rates(curve, nearest)) / 2


def interpolated_equal_error_rate(curve: RocCurve) -> float:
    """Return the rate where FMR and FNMR cross, if straight lines connect the points of the curve."""
    stricter, more_lenient = _around_equal_error(curve)
    fmr_before, fnmr_before = _error_rates(curve, stricter)
    fmr_after, fnmr_after = _error_rates(curve, more_lenient)
    step = (fnmr_before - fmr_before) / (fnmr_before - fmr_before + fmr_after - fnmr_after)
    return fmr_before + step * (fmr_after - fmr_before)


def auc(curve: RocCurve) -> float:
    """Return the probability that a genuine pair scores higher than an impostor pair; ties count one half."""
    num_comparisons = len(curve.genuine_G) * len(curve.impostor_I)
    # Looking up the shorter list in the longer one takes fewer steps.
    fewer, more = sorted((curve.genuine_G, curve.impostor_I), key=len)
    twice_higher = 0
    for block in blocks(len(fewer)):
        twice_higher += int(np.searchsorted(more, fewer[block], side="left").sum())
        twice_higher += int(np.searchsorted(more, fewer[block], side="right").sum())
    if fewer is curve.impostor_I:
        twice_higher = 2 * num_comparisons - twice_higher
    return twice_higher / (2 * num_comparisons)


def d_prime(curve: RocCurve) -> float | None:
    """Return the distance of the two mean scores in units of their root mean variance (dividing by the number).

    None if all genuine scores are equal and all impostor scores are equal, because the unit is then 0.
    """
    genuine, impostor = curve.genuine_G, curve.impostor_I
    if genuine[0] == genuine[-1] and impostor[0] == impostor[-1]:
        return None
    genuine_mean, genuine_variance = _mean_and_variance(genuine)
    impostor_mean, impostor_variance = _mean_and_variance(impostor)
    return (genuine_mean - impostor_mean) / math.sqrt((genuine_variance + impostor_variance) / 2)


def _checked(scores_N: ArrayLike, genuine_N: ArrayLike) -> tuple[Scores, NDArray[np.bool_]]:
    """Scores and flags as `checked_scores` returns them, except that float32 scores stay float32."""
    scores: Scores = np.asarray(scores_N)
    if scores.dtype != np.float32:
        scores = scores.astype(np.float64, copy=False)
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
            hint="probably an embedding is not finite; look for NaN in the embeddings",
        )
    num_genuine = int(np.count_nonzero(genuine))
    if num_genuine in (0, len(genuine)):
        raise FembError(
            f"{num_genuine} genuine and {len(genuine) - num_genuine} impostor pairs: error rates need both kinds",
            hint="check the flags (LFW: order of the lines; CSV: column `mated`) of the pair file",
        )
    return scores, genuine


def _mean_and_variance(scores: Scores) -> tuple[float, float]:
    """Mean and variance in float64, without a copy of all scores."""
    mean = float(scores.mean(dtype=np.float64))
    squares = (np.square(np.subtract(scores[block], mean, dtype=np.float64)).sum() for block in blocks(len(scores)))
    return mean, float(sum(squares)) / len(scores)


def _kept_scores(curve: RocCurve) -> Scores:
    """The scores that `roc_points` takes as thresholds, ascending."""
    genuine, impostor = curve.genuine_G, curve.impostor_I
    chosen = np.concatenate((genuine[_ranks(len(genuine)) - 1], impostor[len(impostor) - _ranks(len(impostor))]))
    # The next higher score of either kind is the other end of a step over tied scores.
    higher = [scores[np.searchsorted(scores[:-1], chosen, side="right")] for scores in (genuine, impostor)]
    return np.unique(np.concatenate((chosen, *higher)))


def _ranks(num_scores: int) -> NDArray[np.int64]:
    """Ranks from 1 to the last one: all ranks of few scores, else ranks at distances that grow from both ends."""
    if num_scores <= _FEW_PAIRS:
        return np.arange(1, num_scores + 1)
    num_steps = math.ceil(math.log(num_scores) / math.log1p(_RELATIVE_STEP))
    from_one_end = np.rint(np.geomspace(1, num_scores, num_steps + 1)).astype(np.int64)
    return np.unique(np.concatenate((from_one_end, num_scores + 1 - from_one_end)))


def _threshold_above(limit: float, accepted: list[float]) -> float:
    """The middle between the limit, which is rejected, and the lowest accepted score, if there is one."""
    if not accepted:
        return math.nextafter(limit, math.inf)
    lowest = min(accepted)
    middle = limit + (lowest - limit) / 2
    # Two neighbouring floats have no middle, and the threshold must not be the limit.
    return float(middle if middle > limit else lowest)


def _error_counts(curve: RocCurve, threshold: float) -> tuple[int, int]:
    """Number of false accepts and of false rejects at a threshold, which is one of the scores or infinity."""
    # A float64 threshold would make NumPy convert a copy of all float32 scores.
    threshold_score = curve.impostor_I.dtype.type(threshold)
    true_rejects = int(np.searchsorted(curve.impostor_I, threshold_score))
    return len(curve.impostor_I) - true_rejects, int(np.searchsorted(curve.genuine_G, threshold_score))


def _error_rates(curve: RocCurve, threshold: float) -> tuple[float, float]:
    """FMR and FNMR at a threshold."""
    false_accepts, false_rejects = _error_counts(curve, threshold)
    return false_accepts / len(curve.impostor_I), false_rejects / len(curve.genuine_G)


def _excess(curve: RocCurve, threshold: float) -> int:
    """FMR - FNMR times both numbers of pairs: an exact integer that falls as the threshold rises."""
    false_accepts, false_rejects = _error_counts(curve, threshold)
    return false_accepts * len(curve.genuine_G) - false_rejects * len(curve.impostor_I)


def _around_equal_error(curve: RocCurve) -> tuple[float, float]:
    """The lowest threshold with FMR <= FNMR, or infinity, and the highest threshold with FMR > FNMR."""
    stricter, more_lenient = math.inf, -math.inf
    for scores in (curve.genuine_G, curve.impostor_I):
        first = bisect_left(scores, 0, key=lambda score: -_excess(curve, score))
        if first < len(scores):
            stricter = min(stricter, float(scores[first]))
        if first > 0:
            more_lenient = max(more_lenient, float(scores[first - 1]))
    return stricter, more_lenient
