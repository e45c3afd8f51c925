"""Error-versus-discard curves: does a quality measure find the images that fail?

Pairs are discarded in order of their quality, the lowest first, and the curve shows the FNMR of the remaining pairs
over the share of discarded pairs. The quality of a pair is the smaller one of its two images. The threshold is that of
all pairs. Of pairs of equal quality, those earlier in the list are discarded first.

Sources:
    P. Grother and E. Tabassi, "Performance of biometric quality measures", IEEE TPAMI 29(4), 2007.
    ISO/IEC 29794-1, "Biometric sample quality - Framework": the error-versus-discard characteristic.
    T. Schlett et al., "Considerations on the evaluation of biometric quality assessment algorithms", IEEE T-BIOM, 2024,
        https://arxiv.org/abs/2303.13294: partial areas, and why whole areas mislead.
    `magface_discard_curve`: Q. Meng et al., "MagFace", CVPR 2021, https://arxiv.org/abs/2103.06627, by its evaluator,
        IrvingMeng/MagFace, eval/eval_quality/eval_quality.py.

Shape suffixes: N pairs, I images, D embedding dimension, T points of a curve.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.roc import checked_scores, roc_curve, tar_at_far

_SHARES = tuple(step / 100 for step in range(96))
_MAGFACE_SHARES = tuple(step / 20 for step in range(20))
# The evaluator lowers the FMR in steps of a factor of ten, and needs more than a hundred impostor pairs for the first.
_MAGFACE_FEWEST_IMPOSTORS = 101
_MAGFACE_IMPOSTORS_PER_FALSE_MATCH = 1000

UNIT_LENGTH = "unit_length"
"""The entry of a model's facts that says `yes` where its embeddings have length 1."""


@dataclass(frozen=True, eq=False)
class DiscardCurve:
    """An error-versus-discard curve, one point for each share of discarded pairs.

    Attributes:
        discard_T: share of all pairs that is discarded, float64, ascending, in [0, 1).
        fnmr_T: share of the remaining genuine pairs that is rejected, float64, in [0, 1].
        false_matches_T: number of remaining impostor pairs that are accepted, int64.
        num_genuine_T: number of remaining genuine pairs, int64, at least 1.
        num_impostor_T: number of remaining impostor pairs, int64.
        threshold_T: float64; a pair is accepted if its score is at least this.
    """

    discard_T: NDArray[np.float64]
    fnmr_T: NDArray[np.float64]
    false_matches_T: NDArray[np.int64]
    num_genuine_T: NDArray[np.int64]
    num_impostor_T: NDArray[np.int64]
    threshold_T: NDArray[np.float64]


@dataclass(frozen=True)
class PartialArea:
    """The area below a discard curve from 0 to a limit, by the trapezoidal rule.

    Attributes:
        limit: share of discarded pairs at which the area ends.
        area: the area itself, between 0 and `limit`.
        relative: the area divided by that of random discarding, which is `limit` x FNMR of all pairs. 1 means that the
            quality is useless, 0 that it finds every failure at once. None if there is no failure.
    """

    limit: float
    area: float
    relative: float | None


def magnitudes(embeddings_ID: ArrayLike) -> NDArray[np.float64]:
    """Return the L2 norm of each raw embedding, float64 (I,): the quality measure of MagFace and AdaFace."""
    embeddings = np.asarray(embeddings_ID)
    return np.sqrt(np.einsum("id,id->i", embeddings, embeddings, dtype=np.float64))


def pair_quality(quality_I: ArrayLike, left_N: ArrayLike, right_N: ArrayLike) -> NDArray[np.float64]:
    """Return the smaller quality of the two images of each pair, float64 (N,).

    Args:
        quality_I: quality of each image, higher is better.
        left_N: place in `quality_I` of the first image of each pair.
        right_N: place of the second.
    """
    quality = np.asarray(quality_I, dtype=np.float64)
    return np.minimum(quality[np.asarray(left_N)], quality[np.asarray(right_N)])


def discard_curve(
    scores_N: ArrayLike,
    genuine_N: ArrayLike,
    quality_N: ArrayLike,
    *,
    fmr: float = 1e-3,
    shares: Sequence[float] = _SHARES,
) -> DiscardCurve:
    """Compute FNMR over discard at the threshold that all pairs together need for an FMR.

    Args:
        scores_N: similarity of each pair, finite.
        genuine_N: true where both images show the same person.
        quality_N: quality of each pair, finite, higher is better.
        fmr: false match rate of all pairs, before any is discarded; at most floor(fmr x impostor pairs) are accepted.
        shares: shares to discard, ascending, in [0, 1); of n pairs, floor(share x n) are discarded.

    Raises:
        FembError: as `discard_curve_at`, or if `fmr` is not in [0, 1].
    """
    threshold = tar_at_far(roc_curve(scores_N, genuine_N), fmr).threshold
    return discard_curve_at(threshold, scores_N, genuine_N, quality_N, shares=shares)


def discard_curve_at(
    threshold: float,
    scores_N: ArrayLike,
    genuine_N: ArrayLike,
    quality_N: ArrayLike,
    *,
    shares: Sequence[float] = _SHARES,
) -> DiscardCurve:
    """Compute FNMR over discard at a given threshold; other arguments as `discard_curve`.

    Returns:
        The curve; it ends when no genuine pair remains.

    Raises:
        FembError: as `checked_scores`, or if a quality is missing or not finite, or a share not in [0, 1).
    """
    scores, genuine = _by_quality(scores_N, genuine_N, quality_N)
    dropped_T = _numbers_dropped(shares, len(scores))
    num_genuine_T = _numbers_left(genuine, dropped_T)
    has_genuine_T = num_genuine_T > 0
    dropped_T, num_genuine_T = dropped_T[has_genuine_T], num_genuine_T[has_genuine_T]
    accepted = scores >= threshold
    return DiscardCurve(
        discard_T=np.asarray(shares, dtype=np.float64)[has_genuine_T],
        fnmr_T=_numbers_left(genuine & ~accepted, dropped_T) / num_genuine_T,
        false_matches_T=_numbers_left(~genuine & accepted, dropped_T),
        num_genuine_T=num_genuine_T,
        num_impostor_T=_numbers_left(~genuine, dropped_T),
        threshold_T=np.full(len(dropped_T), threshold),
    )


def magface_discard_curve(scores_N: ArrayLike, genuine_N: ArrayLike, quality_N: ArrayLike) -> DiscardCurve:
    """Compute FNMR at FMR 1e-3 over discard as MagFace's evaluator does: steps of 5 %, each with a new threshold.

    Of m remaining impostor pairs, floor((m - 1) / 1000) are accepted, so with up to 1000 pairs none is accepted. A
    share that leaves 100 impostor pairs or fewer has no point.

    Raises:
        FembError: as `discard_curve_at`.
    """
    scores, genuine = _by_quality(scores_N, genuine_N, quality_N)
    points: list[DiscardCurve] = []
    for share, dropped in zip(_MAGFACE_SHARES, _numbers_dropped(_MAGFACE_SHARES, len(scores)), strict=True):
        impostor_scores = np.sort(scores[dropped:][~genuine[dropped:]])[::-1]
        if len(impostor_scores) >= _MAGFACE_FEWEST_IMPOSTORS and genuine[dropped:].any():
            limit = impostor_scores[(len(impostor_scores) - 1) // _MAGFACE_IMPOSTORS_PER_FALSE_MATCH]
            # Only a score above the limit is accepted.
            threshold = math.nextafter(limit, math.inf)
            points.append(discard_curve_at(threshold, scores, genuine, np.arange(len(scores)), shares=[share]))
    if not points:
        raise FembError(
            f"{np.count_nonzero(~genuine)} impostor pairs: MagFace's rule needs {_MAGFACE_FEWEST_IMPOSTORS}",
            hint="use the curve with a fixed threshold, or a list with more pairs",
        )
    joined = {
        field.name: np.concatenate([getattr(point, field.name) for point in points]) for field in fields(points[0])
    }
    return DiscardCurve(**joined)


def partial_area(curve: DiscardCurve, limit: float = 0.2) -> PartialArea:
    """Measure the area below a curve that starts at a share of 0.

    Args:
        curve: the curve; its points are connected by straight lines.
        limit: share of discarded pairs at which the area ends.

    Raises:
        FembError: if the curve does not reach from 0 to `limit`.
    """
    discard, fnmr = curve.discard_T, curve.fnmr_T
    if discard[0] != 0.0 or not 0.0 < limit <= discard[-1]:
        raise FembError(
            f"no area from 0 to {limit}: the curve covers {discard[0]:g} to {discard[-1]:g}",
            hint=f"choose a limit above 0 and up to {discard[-1]:g}",
        )
    inside = discard < limit
    x = np.append(discard[inside], limit)
    y = np.append(fnmr[inside], np.interp(limit, discard, fnmr))
    area = float(np.trapezoid(y, x))
    return PartialArea(limit, area, relative=area / (limit * float(fnmr[0])) if fnmr[0] > 0.0 else None)


def _by_quality(
    scores_N: ArrayLike, genuine_N: ArrayLike, quality_N: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores and flags in order of their quality, the lowest first."""
    scores, genuine = checked_scores(scores_N, genuine_N)
    quality = np.asarray(quality_N, dtype=np.float64)
    if quality.shape != scores.shape:
        raise FembError(f"every pair needs one quality: {scores.shape} scores, {quality.shape} qualities")
    if not np.isfinite(quality).all():
        row = int(np.argmin(np.isfinite(quality)))
        raise FembError(
            f"the quality of pair {row} (counted from 0) is {quality[row]}", hint="look for NaN in the qualities"
        )
    order = np.argsort(quality, kind="stable")
    return scores[order], genuine[order]


def _numbers_dropped(shares: Sequence[float], num_pairs: int) -> NDArray[np.int64]:
    """Number of pairs that each share discards, int64 (T,)."""
    shares_T = np.asarray(shares, dtype=np.float64)
    if not ((shares_T >= 0.0) & (shares_T < 1.0)).all():
        raise FembError("a share of discarded pairs lies in [0, 1)", hint="write 5 % as 0.05")
    # In binary, 0.29 x 100 is slightly less than 29.
    return np.floor(np.round(shares_T * num_pairs, 6)).astype(np.int64)


def _numbers_left(flags_N: NDArray[np.bool_], dropped_T: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of flags that are set after the first `dropped_T` ones, int64 (T,)."""
    before = np.concatenate(([0], np.cumsum(flags_N, dtype=np.int64)))
    return before[-1] - before[dropped_T]
