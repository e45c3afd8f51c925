"""What a report shows of a verification beyond its metrics: intervals, quality, groups, the hardest pairs.

Shape suffix: N pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.metrics.groups import GroupComparison, compare_groups, quantile_bins
from femb_cli.evaluation.metrics.quality import (
    UNIT_LENGTH,
    DiscardCurve,
    PartialArea,
    discard_curve,
    magnitudes,
    pair_quality,
    partial_area,
)
from femb_cli.evaluation.report.hardest import PicturedPair, hardest_pairs, picture_pairs
from femb_cli.evaluation.verification.confidence import Confidence
from femb_cli.evaluation.verification.quality_file import quality_of_pairs, read_quality_scores
from femb_cli.evaluation.verification.result import Verification

_FMR = 1e-3
"""False match rate that sets the threshold for groups and discard curves."""


@dataclass(frozen=True, eq=False)
class ReportContents:
    """What a report shows of one verification beyond its metrics; empty by default.

    Attributes:
        confidence: confidence intervals of the metrics; rates in [0, 1].
        quality: name of the quality measure, such as `magnitude of the embedding`.
        discard: FNMR over the share of pairs discarded by that quality.
        groups: error rates by group, one comparison for each grouping of the pairs.
        hardest: genuine and impostor pairs with their images, the hardest of each kind first.
        card: name and value of each setting in the model's checkpoint.
        warnings: problems of the pairs, one sentence each.
    """

    confidence: Confidence = field(default_factory=lambda: Confidence({}, ""))
    quality: str = ""
    discard: DiscardCurve | None = None
    groups: Sequence[GroupComparison] = ()
    hardest: Sequence[PicturedPair] = ()
    card: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    @property
    def discard_area(self) -> PartialArea | None:
        """The area below the discard curve up to 20 %; None if the curve ends before."""
        return None if self.discard is None or self.discard.discard_T[-1] < 0.2 else partial_area(self.discard)

    def fnmr_after(self, share: float) -> float | None:
        """Return the FNMR after a share of the pairs is discarded, between the curve's points; None beyond its end."""
        curve = self.discard
        if curve is None or share > curve.discard_T[-1]:
            return None
        return float(np.interp(share, curve.discard_T, curve.fnmr_T))

    def to_json(self) -> dict[str, Any]:
        """Return everything but the images as plain values."""
        curve, area = self.discard, self.discard_area
        return {
            "intervals": {name: asdict(interval) for name, interval in self.confidence.intervals.items()},
            "interval_kind": self.confidence.method,
            "quality": self.quality,
            "discard": None if curve is None else {"share": curve.discard_T.tolist(), "fnmr": curve.fnmr_T.tolist()},
            "discard_area": None if area is None else asdict(area),
            "groups": [comparison.to_json() for comparison in self.groups],
            "hardest": [
                {"left": pair.left, "right": pair.right, "genuine": pair.genuine, "score": pair.score}
                for pair in self.hardest
            ],
            "card": dict(self.card),
            "warnings": list(self.warnings),
        }


def report_contents(result: Verification, confidence: Confidence, quality_file: Path | None = None) -> ReportContents:
    """Compute what a report shows of a verification beyond its metrics.

    Pairs are grouped by each grouping of the pair list, and by the quartiles of their quality. The hardest pairs are
    shown if their images are known.

    Args:
        result: the verification.
        confidence: its confidence intervals.
        quality_file: quality of each image; None takes the magnitudes of the embeddings.

    Raises:
        FembError: the quality file is damaged or lacks an image, or an image cannot be read.
    """
    scores_N, genuine_N = result.scores_N, result.genuine_N
    quality_N, quality = _pair_quality(result, quality_file)
    groupings = {**result.pairs.groups, **({} if quality_N is None else {quality: quantile_bins(quality_N)})}
    hardest = np.concatenate(hardest_pairs(scores_N, genuine_N))
    return ReportContents(
        confidence=confidence,
        quality=quality,
        discard=None if quality_N is None else discard_curve(scores_N, genuine_N, quality_N, fmr=_FMR),
        groups=[
            compare_groups(scores_N, genuine_N, labels_N, grouping=grouping, far=_FMR)
            for grouping, labels_N in groupings.items()
        ],
        hardest=[] if result.images is None else picture_pairs(result, result.images, hardest),
        card=result.card,
        warnings=(*result.warnings, *_quality_warnings(result, quality_file)),
    )


def _quality_warnings(result: Verification, quality_file: Path | None) -> tuple[str, ...]:
    if quality_file is not None or result.card.get(UNIT_LENGTH) != "yes":
        return ()
    return (
        "the model's embeddings have length 1, so their magnitude does not measure quality: --quality FILE gives scores"
        " for the discard curve",
    )


def _pair_quality(result: Verification, quality_file: Path | None) -> tuple[NDArray[np.float64] | None, str]:
    """The quality of each pair (N,), and what measures it; None if nothing does."""
    if quality_file is not None:
        return quality_of_pairs(read_quality_scores(quality_file), result.pairs), quality_file.name
    embedded = result.embedded
    if embedded is None:
        return None, ""
    magnitude_N = pair_quality(magnitudes(embedded.embeddings_ND), embedded.left_P, embedded.right_P)
    return magnitude_N, "magnitude of the embedding"
