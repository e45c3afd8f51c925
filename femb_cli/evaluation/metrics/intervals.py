"""Confidence intervals of verification metrics: percentiles over resamples.

B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. Each metric is computed from the
weights of a resample (see `resampling.py`). If all weights are 1, it equals the metric in `roc.py`.

Shape suffixes: N pairs, R resamples, T thresholds, descending.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.resampling import Resamples
from femb_cli.evaluation.metrics.roc import RocCurve, allowed_false_accepts, tar_at_far

Metric = Callable[[Resamples], NDArray[np.float64]]
"""A function that computes a metric of each resample, (R,)."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: its lower end.
        high: its upper end.
        level: share of such intervals that contain the true metric, in (0, 1).
    """

    low: float
    high: float
    level: float


def bootstrap(
    metrics: Mapping[str, Metric], resamples: Iterable[Resamples], *, level: float = 0.95
) -> dict[str, Interval]:
    """Take the percentile interval of each metric over all resamples.

    For a metric at its limit (a rate of 0 or 1, an AUC of 1) all resamples are equal, and the interval is a single
    point, which is too narrow. `edge_interval` bounds a rate in that case.

    Args:
        metrics: the metrics by name.
        resamples: from `resample_pairs` or `resample_subjects`.
        level: share of such intervals that contain the true metric, in (0, 1).

    Returns:
        Interval of each metric by its name, without metrics that have no value in some resample (d' of equal scores).

    Raises:
        FembError: if the level is not in (0, 1), or as `resamples` when they are drawn.
    """
    check_level(level)
    parts = [{name: metric(some) for name, metric in metrics.items()} for some in resamples]
    intervals = {}
    for name in metrics:
        values = np.concatenate([part[name] for part in parts])
        if np.isfinite(values).all():
            low, high = np.quantile(values, [(1.0 - level) / 2, (1.0 + level) / 2])
            intervals[name] = Interval(float(low), float(high), level)
    return intervals


def check_level(level: float) -> None:
    """Refuse a confidence level that is not in (0, 1).

    Raises:
        FembError: it is not.
    """
    if not 0.0 < level < 1.0:
        raise FembError(f"a confidence level lies between 0 and 1, not at {level}")


def edge_interval(count: int, trials: int, *, level: float = 0.95) -> Interval:
    """Bound a rate at a fixed threshold that was measured as 0 or 1.

    C. Clopper and E. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26, 1934: after n trials without an error, the error rate is at most 1 - (a / 2)^(1/n), a = 1 - level;
    3.7 / n at 95 %. (The rule of 3 is the one-sided bound, with a in place of a / 2.)

    Args:
        count: number of errors, or of correct decisions: 0, or all trials.
        trials: number of independent trials, at least 1: pairs, or subjects if the pairs of a subject depend on each
            other.
        level: share of such intervals that contain the true rate, in (0, 1).
    """
    assert trials > 0 and count in (0, trials), f"{count} of {trials}: use the bootstrap between the edges"
    bound = 1.0 - ((1.0 - level) / 2) ** (1.0 / trials)
    return Interval(0.0, bound, level) if count == 0 else Interval(1.0 - bound, 1.0, level)


def verification_intervals(
    curve: RocCurve, resamples: Iterable[Resamples], rates: Sequence[str], *, genuine_trials: int, level: float = 0.95
) -> dict[str, Interval]:
    """Return the intervals of all metrics that need no folds.

    Args:
        curve: the sorted scores.
        resamples: resamples of the same pairs.
        rates: false accept rates as text, such as "1e-3".
        genuine_trials: number of independent genuine trials: pairs, or subjects with a genuine pair if subjects are
            resampled. `edge_interval` needs it for a TAR of 0 or 1, and takes the threshold as fixed.
        level: share of such intervals that contain the true metric.

    Returns:
        Intervals of `tar_at_far_RATE`, `fnmr_at_fmr_RATE` and `threshold_at_fmr_RATE` for each rate, and of `eer`,
        `auc` and `d_prime`.

    Raises:
        FembError: as `bootstrap` and `tar_at_far`.
    """
    metrics: dict[str, Metric] = {"eer": equal_error_rate_of, "auc": auc_of, "d_prime": d_prime_of}
    tars: dict[str, Metric] = {f"tar_at_far_{rate}": partial(tar_at_far_of, far=float(rate)) for rate in rates}
    thresholds: dict[str, Metric] = {
        f"threshold_at_fmr_{rate}": partial(threshold_of, far=float(rate)) for rate in rates
    }
    intervals = bootstrap({**tars, **metrics, **thresholds}, resamples, level=level)
    for rate in rates:
        tar = tar_at_far(curve, float(rate)).tar
        if tar in (0.0, 1.0):
            intervals[f"tar_at_far_{rate}"] = edge_interval(int(tar) * genuine_trials, genuine_trials, level=level)
        interval = intervals[f"tar_at_far_{rate}"]
        intervals[f"fnmr_at_fmr_{rate}"] = Interval(1.0 - interval.high, 1.0 - interval.low, level)
    return intervals


def accuracy_interval(decisions: Iterable[Resamples], accuracy: float, *, trials: int, level: float = 0.95) -> Interval:
    """Return the interval of an accuracy over folds.

    The thresholds of the folds stay fixed: they are not chosen again for each resample.

    Args:
        decisions: resamples of the pairs, with decisions in place of scores: 1 for a pair that the threshold of its
            fold accepted, else 0.
        accuracy: the accuracy of the pairs themselves.
        trials: number of independent trials, pairs or subjects; it bounds an accuracy of 0 or 1.
        level: share of such intervals that contain the true metric.

    Raises:
        FembError: as `bootstrap`.
    """
    if accuracy in (0.0, 1.0):
        return edge_interval(int(accuracy) * trials, trials, level=level)
    return bootstrap({"accuracy": partial(accuracy_of, threshold=0.5)}, decisions, level=level)["accuracy"]


def tar_at_far_of(resamples: Resamples, far: float) -> NDArray[np.float64]:
    """Return each resample's largest TAR with at most floor(far x its impostor pairs) false accepts, (R,)."""
    lenient_R = _most_lenient(resamples, far)
    return resamples.genuine_RT[np.arange(len(lenient_R)), lenient_R] / resamples.genuine_RT[:, -1]


def threshold_of(resamples: Resamples, far: float) -> NDArray[np.float64]:
    """Return each resample's threshold for at most floor(far x its impostor pairs) false accepts, (R,).

    As in `tar_at_far`, it lies half way between the highest score that is rejected and the next one.
    """
    lenient_R = _most_lenient(resamples, far)
    rejected_R = resamples.threshold_T[np.minimum(lenient_R + 1, len(resamples.threshold_T) - 1)]
    accepted_R = resamples.threshold_T[lenient_R]
    return np.where(np.isfinite(accepted_R), rejected_R + (accepted_R - rejected_R) / 2, rejected_R)


def _most_lenient(resamples: Resamples, far: float) -> NDArray[np.int64]:
    """The last threshold of each resample with at most floor(far x its impostor pairs) false accepts, (R,)."""
    num_impostor_R = resamples.impostor_RT[:, -1]
    allowed_R = np.array([allowed_false_accepts(far, num_impostor) for num_impostor in num_impostor_R.tolist()])
    # The first threshold accepts nothing, so it is always allowed.
    return np.count_nonzero(resamples.impostor_RT <= allowed_R[:, None], axis=1) - 1


def equal_error_rate_of(resamples: Resamples) -> NDArray[np.float64]:
    """Return each resample's mean of FMR and FNMR where they are nearest, (R,); of two equally near, the stricter."""
    genuine_RT, impostor_RT = resamples.genuine_RT, resamples.impostor_RT
    num_genuine_R1, num_impostor_R1 = genuine_RT[:, -1:], impostor_RT[:, -1:]
    # FMR - FNMR times both numbers of pairs: an exact integer that rises from threshold to threshold.
    excess_RT = impostor_RT * num_genuine_R1 - (num_genuine_R1 - genuine_RT) * num_impostor_R1
    stricter_R1 = np.count_nonzero(excess_RT <= 0, axis=1)[:, None] - 1
    around_R2 = np.concatenate((stricter_R1, stricter_R1 + 1), axis=1)
    nearest = np.abs(np.take_along_axis(excess_RT, around_R2, axis=1)).argmin(axis=1)[:, None]
    column_R1 = np.take_along_axis(around_R2, nearest, axis=1)
    fmr_R1 = np.take_along_axis(impostor_RT, column_R1, axis=1) / num_impostor_R1
    fnmr_R1 = 1.0 - np.take_along_axis(genuine_RT, column_R1, axis=1) / num_genuine_R1
    return (fmr_R1 + fnmr_R1)[:, 0] / 2


def auc_of(resamples: Resamples) -> NDArray[np.float64]:
    """Return each resample's area under the ROC curve by the trapezoidal rule, (R,); ties count one half."""
    tar_RT = resamples.genuine_RT / resamples.genuine_RT[:, -1:]
    far_RT = resamples.impostor_RT / resamples.impostor_RT[:, -1:]
    heights = (tar_RT[:, 1:] + tar_RT[:, :-1]) / 2
    return np.sum(heights * np.diff(far_RT, axis=1), axis=1)


def d_prime_of(resamples: Resamples) -> NDArray[np.float64]:
    """Return each resample's distance of the mean scores in units of their spread, (R,); not finite without spread."""
    genuine_mean_R, genuine_variance_R = _mean_and_variance(resamples.genuine_RT, resamples.threshold_T)
    impostor_mean_R, impostor_variance_R = _mean_and_variance(resamples.impostor_RT, resamples.threshold_T)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (genuine_mean_R - impostor_mean_R) / np.sqrt((genuine_variance_R + impostor_variance_R) / 2)


def accuracy_of(resamples: Resamples, threshold: float) -> NDArray[np.float64]:
    """Return the share of each resample's pairs that a threshold decides correctly, (R,)."""
    column = np.searchsorted(-resamples.threshold_T, -threshold, side="right") - 1
    num_genuine_R, num_impostor_R = resamples.genuine_RT[:, -1], resamples.impostor_RT[:, -1]
    num_correct_R = resamples.genuine_RT[:, column] + num_impostor_R - resamples.impostor_RT[:, column]
    return num_correct_R / (num_genuine_R + num_impostor_R)


def _mean_and_variance(
    accepted_RT: NDArray[np.int64], threshold_T: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of the scores of one kind; each score is replaced by the highest threshold that accepts it."""
    share_RT = np.diff(accepted_RT, axis=1) / accepted_RT[:, -1:]
    score_T = threshold_T[1:]
    mean_R = share_RT @ score_T
    return mean_R, np.maximum(share_RT @ np.square(score_T) - np.square(mean_R), 0.0)
