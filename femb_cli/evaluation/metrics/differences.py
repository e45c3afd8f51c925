"""Compare two networks on the same pairs: the difference of each metric, with a confidence interval.

Both networks are scored on the same resamples, so that what makes a resample hard for both cancels out. Two intervals
that overlap say little; the interval of the difference says whether one network is better. B. Efron and R. Tibshirani,
"An Introduction to the Bootstrap", 1993, chapter 13 (percentiles); for paired draws G. Snedecor and W. Cochran,
"Statistical Methods", 1989, section 6.4.

Shape suffixes: N pairs, R resamples.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.evaluation.metrics.intervals import (
    Interval,
    Metric,
    accuracy_of,
    auc_of,
    check_level,
    equal_error_rate_of,
    tar_at_far_of,
)
from femb_cli.evaluation.metrics.resampling import Resamples
from femb_cli.evaluation.metrics.roc import auc, equal_error_rate, fnmr_at_fmr, roc_curve

Draw = Callable[[NDArray[np.floating]], Iterator[Resamples]]
"""Resample one number of each pair (N,); each call draws the same pairs."""

LARGER_IS_BETTER = {"accuracy": True, "auc": True, "eer": False}
"""Whether a metric grows with quality; every FNMR at an FMR falls."""


@dataclass(frozen=True, eq=False)
class ScoredNetwork:
    """What a comparison needs of a network.

    Attributes:
        scores_N: similarity of each pair, finite.
        accepted_N: whether the protocol accepted each pair.
        accuracy: the accuracy of these decisions over the folds.
    """

    scores_N: NDArray[np.floating]
    accepted_N: NDArray[np.bool_]
    accuracy: float


@dataclass(frozen=True)
class Difference:
    """How far a metric of one network is above that of another.

    Attributes:
        first: the metric of the first network.
        second: the metric of the second one.
        interval: the interval of first - second.
        larger_is_better: whether a larger metric is better.
    """

    first: float
    second: float
    interval: Interval
    larger_is_better: bool

    @property
    def value(self) -> float:
        """First - second."""
        return self.first - self.second

    @property
    def better(self) -> int:
        """1 if the first network is better, 2 if the second is, 0 if the pairs cannot tell."""
        if self.interval.low <= 0.0 <= self.interval.high:
            return 0
        return 1 if (self.interval.low > 0.0) == self.larger_is_better else 2


def paired_differences(
    first: ScoredNetwork,
    second: ScoredNetwork,
    genuine_N: ArrayLike,
    draw: Draw,
    rates: Sequence[str],
    *,
    level: float = 0.95,
) -> dict[str, Difference]:
    """Return the difference of each metric of two networks on the same pairs; see `all_differences`."""
    return all_differences([first, second], [(0, 1)], genuine_N, draw, rates, level=level)[0]


def all_differences(
    networks: Sequence[ScoredNetwork],
    couples: Sequence[tuple[int, int]],
    genuine_N: ArrayLike,
    draw: Draw,
    rates: Sequence[str],
    *,
    level: float = 0.95,
) -> list[dict[str, Difference]]:
    """Return the difference of each metric of two networks on the same pairs, for several couples of networks.

    Each network is resampled once. The thresholds of the accuracy stay those that the folds chose; those of EER and
    FNMR at FMR are chosen again for each resample.

    Args:
        networks: the networks.
        couples: places in `networks` of the first and of the second network of each couple.
        genuine_N: true where both images show the same person.
        draw: how to resample, `resample_same_pairs` or `resample_subjects` with a generator of the same seed in each
            call.
        rates: false match rates as text, such as "1e-3".
        level: share of such intervals that contain the true difference, in (0, 1).

    Returns:
        For each couple the differences of `accuracy`, `eer`, `auc`, and `fnmr_at_fmr_RATE` for each rate.

    Raises:
        FembError: if the level is not in (0, 1), or as `roc_curve` and the resampling.
    """
    check_level(level)
    genuine = np.asarray(genuine_N, dtype=bool)
    metrics: dict[str, Metric] = {"eer": equal_error_rate_of, "auc": auc_of}
    metrics |= {f"fnmr_at_fmr_{rate}": partial(_fnmr_at_fmr_of, fmr=float(rate)) for rate in rates}
    values = [_metrics(network, genuine, rates) for network in networks]
    resampled = [_resampled(network, draw, metrics) for network in networks]
    return [
        {
            name: _difference(name, (values[first], values[second]), (resampled[first], resampled[second]), level)
            for name in values[first]
        }
        for first, second in couples
    ]


def _difference(
    name: str,
    values: tuple[Mapping[str, float], Mapping[str, float]],
    resampled: tuple[Mapping[str, NDArray[np.float64]], Mapping[str, NDArray[np.float64]]],
    level: float,
) -> Difference:
    """Return the difference of one metric of two networks."""
    differences_R = resampled[0][name] - resampled[1][name]
    low, high = _mid_quantiles(differences_R, [(1.0 - level) / 2, (1.0 + level) / 2])
    interval = Interval(low, high, level)
    return Difference(values[0][name], values[1][name], interval, LARGER_IS_BETTER.get(name, False))


def _metrics(network: ScoredNetwork, genuine_N: NDArray[np.bool_], rates: Sequence[str]) -> dict[str, float]:
    """Return the metrics of all pairs."""
    curve = roc_curve(network.scores_N, genuine_N)
    return {
        "accuracy": network.accuracy,
        **{f"fnmr_at_fmr_{rate}": fnmr_at_fmr(curve, float(rate)) for rate in rates},
        "eer": equal_error_rate(curve),
        "auc": auc(curve),
    }


def _resampled(network: ScoredNetwork, draw: Draw, metrics: Mapping[str, Metric]) -> dict[str, NDArray[np.float64]]:
    """Return the metrics of each resample, (R,) each."""
    parts = [{name: metric(some) for name, metric in metrics.items()} for some in draw(network.scores_N)]
    values = {name: np.concatenate([part[name] for part in parts]) for name in metrics}
    decisions = [accuracy_of(some, threshold=0.5) for some in draw(network.accepted_N.astype(np.float32))]
    return {**values, "accuracy": np.concatenate(decisions)}


def _mid_quantiles(values_R: NDArray[np.float64], shares: Sequence[float]) -> list[float]:
    """Return quantiles between the steps of a distribution: error rates of few pairs have few values.

    Y. Ma, M. Genton and E. Parzen, "Asymptotic properties of sample quantiles of discrete distributions", Annals of the
    Institute of Statistical Mathematics 63, 2011. Plain quantiles would make the intervals one step too wide.
    """
    values, counts = np.unique(np.round(values_R, 12), return_counts=True)
    middles = (counts.cumsum() - counts / 2) / len(values_R)
    quantiles: list[float] = np.interp(shares, middles, values).tolist()
    return quantiles


def _fnmr_at_fmr_of(resamples: Resamples, fmr: float) -> NDArray[np.float64]:
    return 1.0 - tar_at_far_of(resamples, fmr)
