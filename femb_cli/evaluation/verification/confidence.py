"""Confidence intervals of a verification's metrics.

Shape suffix: N pairs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.bands import BandRecorder, ErrorBand
from femb_cli.evaluation.metrics.intervals import Interval, accuracy_interval, verification_intervals
from femb_cli.evaluation.metrics.resampling import Resamples, resample_pairs, resample_subjects
from femb_cli.evaluation.metrics.roc import roc_curve
from femb_cli.evaluation.text_column import sorted_numbers
from femb_cli.evaluation.verification.result import Verification
from femb_cli.evaluation.verification.score import accuracy_over_folds

MOST_PAIRS_BY_SUBJECT = 1_000_000
"""Lists with more pairs than this resample pairs, because resampling subjects would take minutes."""
BY_SUBJECT, BY_PAIR = "bootstrap over subjects", "bootstrap over pairs"
_SEED = 0

Draw = Callable[[NDArray[Any]], Iterator[Resamples]]
"""A function that resamples one number for each pair (N,)."""


@dataclass(frozen=True)
class Confidence:
    """The 95 % confidence intervals of a verification.

    Attributes:
        intervals: interval of each metric by its name: `accuracy`, `eer`, `tar_at_far_1e-3` and so on.
        method: how they were computed: `bootstrap over subjects` or `bootstrap over pairs`.
        band: the intervals of the FNMR along the curve, from the same resamples; None if they are unknown.
    """

    intervals: dict[str, Interval]
    method: str
    band: ErrorBand | None = field(default=None, compare=False)


def confidence_intervals(result: Verification, more_rates: Sequence[str] = ()) -> Confidence:
    """Compute the 95 % confidence intervals of a verification by bootstrap.

    Subjects are resampled if they are known, because the pairs of one person depend on each other. Otherwise pairs are
    resampled; the intervals are then too narrow if a person is in many pairs.

    Args:
        result: the verification.
        more_rates: false accept rates as text, besides those of the metrics.
    """
    try:
        by_subject = _by_subject(result, more_rates)
    except FembError:  # there are too few subjects to resample
        by_subject = None
    return by_subject or _by_pair(result, more_rates)


def _by_subject(result: Verification, more_rates: Sequence[str]) -> Confidence | None:
    """Resample subjects; None if they are unknown, or there are too many pairs.

    Raises:
        FembError: there are too few subjects.
    """
    subjects = result.pairs.subjects() if len(result.pairs) <= MOST_PAIRS_BY_SUBJECT else None
    if subjects is None:
        return None
    genuine_N = result.genuine_N
    left_N, right_N = sorted_numbers(*subjects)
    intervals, band = _intervals(
        result,
        more_rates,
        lambda scores_N: resample_subjects(scores_N, genuine_N, left_N, right_N, _generator()),
        num_genuine=len(np.unique(left_N[genuine_N])),
        num_trials=len(np.union1d(left_N, right_N)),
    )
    return Confidence(intervals, BY_SUBJECT, band)


def _by_pair(result: Verification, more_rates: Sequence[str]) -> Confidence:
    """Resample pairs."""
    genuine_N = result.genuine_N
    intervals, band = _intervals(
        result,
        more_rates,
        lambda scores_N: resample_pairs(roc_curve(scores_N, genuine_N), _generator()),
        num_genuine=int(genuine_N.sum()),
        num_trials=len(genuine_N),
    )
    return Confidence(intervals, BY_PAIR, band)


def _intervals(
    result: Verification, more_rates: Sequence[str], draw: Draw, *, num_genuine: int, num_trials: int
) -> tuple[dict[str, Interval], ErrorBand]:
    """Compute the intervals of all metrics and the band, from resamples of the scores and of the decisions.

    Args:
        result: the verification.
        more_rates: false accept rates besides those of the metrics.
        draw: how to resample.
        num_genuine: number of independent genuine trials: pairs, or subjects that have a genuine pair.
        num_trials: number of all independent trials: pairs, or subjects.
    """
    folds = accuracy_over_folds(result.scores_N, result.pairs, result.metrics.protocol, result.embedded)
    decisions = draw(folds.accepted_N.astype(np.float32))
    accuracy = accuracy_interval(decisions, folds.accuracy, trials=num_trials)
    del decisions, folds
    recorder = BandRecorder(result.metrics.num_impostor)
    resamples = recorder.watch(draw(result.scores_N))
    intervals = {
        "accuracy": accuracy,
        **verification_intervals(
            roc_curve(result.scores_N, result.genuine_N),
            resamples,
            list(dict.fromkeys([*result.metrics.tar_at_far, *more_rates])),
            genuine_trials=num_genuine,
        ),
    }
    if result.are_distances:
        intervals |= {
            name: Interval(-interval.high, -interval.low, interval.level)
            for name, interval in intervals.items()
            if name.startswith("threshold_at_fmr_")
        }
    return intervals, recorder.band()


def _generator() -> np.random.Generator:
    """A generator with the same seed for every draw, so that equal results have equal intervals."""
    return np.random.default_rng(_SEED)
