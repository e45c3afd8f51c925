"""What a verification can say beyond its metrics: intervals, and everything that a report shows.

Shape suffix: N pairs.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.images.decode import decode_image
from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.intervals import Interval, accuracy_interval, verification_intervals
from femb_cli.evaluation.metrics.quality import magnitudes, pair_quality, read_quality_scores
from femb_cli.evaluation.metrics.resampling import Resamples, resample_pairs, resample_subjects
from femb_cli.evaluation.metrics.roc import roc_curve
from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.extras import gather_extras
from femb_cli.evaluation.verification.result import Verification
from femb_cli.evaluation.verification.score import accuracy_over_folds

Confidence = tuple[dict[str, Interval], str]
"""Intervals by the name of their figure, and how they were made."""

MOST_PAIRS_BY_SUBJECT = 1_000_000
"""Above, subjects would take minutes to draw: pairs are drawn."""
_SEED = 0


def confidence_intervals(result: Verification) -> Confidence:
    """Return the 95 % intervals of a result's metrics by name, and how they were made.

    Subjects are drawn where they are known, since pairs of one person are alike; else pairs, which makes the intervals
    too narrow where a person is in many pairs.
    """
    genuine_N = result.genuine_N
    subjects = result.pairs.subjects()
    if subjects is not None and len(result.pairs) <= MOST_PAIRS_BY_SUBJECT:
        left_N, right_N = map(np.asarray, subjects)
        trials = _Trials(len(np.unique(left_N[genuine_N])), len(np.union1d(left_N, right_N)))
        try:
            intervals = _intervals(
                result, lambda scores_N: resample_subjects(scores_N, genuine_N, left_N, right_N, _generator()), trials
            )
            return intervals, "bootstrap over subjects"
        except FembError:  # too few subjects to draw from
            pass
    trials = _Trials(int(genuine_N.sum()), len(genuine_N))
    intervals = _intervals(
        result, lambda scores_N: resample_pairs(roc_curve(scores_N, genuine_N), _generator()), trials
    )
    return intervals, "bootstrap over pairs"


class _Trials(NamedTuple):
    """Numbers of independent trials: pairs, or subjects that have one."""

    genuine: int
    all: int


def _intervals(
    result: Verification, draw: Callable[[NDArray[Any]], Iterator[Resamples]], trials: _Trials
) -> dict[str, Interval]:
    """Intervals of all metrics, from resamples of the scores and of the decisions."""
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


def report_contents(result: Verification, confidence: Confidence, quality_file: Path | None = None) -> ReportContents:
    """Compute what a report shows of a result beyond its metrics.

    Args:
        result: the result.
        confidence: what `confidence_intervals` says of it.
        quality_file: the images' qualities; None takes the magnitudes of their embeddings.

    Raises:
        FembError: the quality file is damaged or lacks an image.
    """
    quality_N, quality = _quality(result, quality_file)
    intervals, interval_kind = confidence
    return gather_extras(
        result.scores_N,
        result.pairs,
        quality_N=quality_N,
        quality=quality,
        picture=None if result.images is None else _Pictures(result),
        intervals=intervals,
        interval_kind=interval_kind,
        card=result.card,
        warnings=result.warnings,
    )


def _quality(result: Verification, quality_file: Path | None) -> tuple[NDArray[np.float64], str]:
    if quality_file is not None:
        return read_quality_scores(quality_file).of_pairs(result.pairs), quality_file.name
    embedded = result.embedded
    lengths = magnitudes(embedded.embeddings_ND)
    return pair_quality(lengths, embedded.left_P, embedded.right_P), "magnitude of the embedding"


class _Pictures:
    """The images of a result's pairs by the names that the pairs give them."""

    def __init__(self, result: Verification) -> None:
        assert result.images is not None, "stored embeddings have no pictures"
        self._images = result.images
        left_N, right_N = result.pairs.indices(self._images.names)
        self._rows = dict(zip(result.pairs.left, left_N.tolist(), strict=True))
        self._rows |= dict(zip(result.pairs.right, right_N.tolist(), strict=True))

    def __call__(self, name: str) -> NDArray[np.uint8]:
        return decode_image(self._images.read(self._rows[name]), name=name)
