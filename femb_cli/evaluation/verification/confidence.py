"""Confidence intervals of a verification's metrics.

Shape suffix: N pairs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.intervals import Interval, accuracy_interval, verification_intervals
from femb_cli.evaluation.metrics.resampling import Resamples, resample_pairs, resample_subjects
from femb_cli.evaluation.metrics.roc import roc_curve
from femb_cli.evaluation.verification.result import Verification
from femb_cli.evaluation.verification.score import accuracy_over_folds

MOST_PAIRS_BY_SUBJECT = 1_000_000
_SEED = 0


@dataclass(frozen=True)
class Confidence:
    """Intervals by the name of their metric, and how they were made."""

    intervals: Mapping[str, Interval]
    method: str


def confidence_intervals(result: Verification) -> Confidence:
    """Return the 95 % intervals of a result's metrics."""
    genuine_N = result.genuine_N
    subjects = result.pairs.subjects()
    if subjects is not None and len(result.pairs) <= MOST_PAIRS_BY_SUBJECT:
        left_N, right_N = map(np.asarray, subjects)
        trials = _Trials(len(np.unique(left_N[genuine_N])), len(np.union1d(left_N, right_N)))
        try:
            intervals = _intervals(
                result, lambda scores_N: resample_subjects(scores_N, genuine_N, left_N, right_N, _generator()), trials
            )
            return Confidence(intervals, "bootstrap over subjects")
        except FembError:  # too few subjects to draw from
            pass
    trials = _Trials(int(genuine_N.sum()), len(genuine_N))
    intervals = _intervals(
        result, lambda scores_N: resample_pairs(roc_curve(scores_N, genuine_N), _generator()), trials
    )
    return Confidence(intervals, "bootstrap over pairs")


class _Trials(NamedTuple):
    genuine: int
    all: int


def _intervals(
    result: Verification, draw: Callable[[NDArray[Any]], Iterator[Resamples]], trials: _Trials
) -> dict[str, Interval]:
    folds = accuracy_over_folds(result.scores_N, result.pairs, result.metrics.protocol, result.embedded)
    decided = draw(folds.accepted_N.astype(np.float32))
    return {
        "accuracy": accuracy_interval(decided, folds.accuracy, trials=trials.all),
        **verification_intervals(
            roc_curve(result.scores_N, result.genuine_N),
            draw(result.scores_N),
            list(result.metrics.tar_at_far),
            genuine_trials=trials.genuine,
        ),
    }


def _generator() -> np.random.Generator:
    return np.random.default_rng(_SEED)
