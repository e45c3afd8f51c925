"""What a report shows of a verification beyond its metrics: intervals, quality, groups, the hardest pairs.

Shape suffix: N pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
    partial_area,
)
from femb_cli.evaluation.report.hardest import PicturedPair, hardest_pairs, picture_pairs
from femb_cli.evaluation.report.quality_images import PicturedImage, are_normalised, extreme_images, used_magnitudes
from femb_cli.evaluation.verification.confidence import MOST_PAIRS_BY_SUBJECT, Confidence
from femb_cli.evaluation.verification.quality_file import QualityScores, quality_of_images
from femb_cli.evaluation.verification.result import Verification

FMR = "1e-3"
"""False match rate that sets the threshold for groups and discard curves."""
AREA_LIMIT = 0.2
"""Share of discarded pairs at which the area below a discard curve ends."""
MAGNITUDE = "magnitude of the embedding"


@dataclass(frozen=True, eq=False)
class ReportContents:
    """What a report shows of one verification beyond its metrics; empty by default.

    Attributes:
        confidence: confidence intervals of the metrics; rates in [0, 1].
        quality: name of the quality measure, such as `magnitude of the embedding`.
        discard: FNMR over the share of pairs discarded by that quality.
        groups: error rates by group, one comparison for each grouping of the pairs.
        magnitudes_I: magnitude of the embedding of each image, float64; None if it is unknown or they are normalised.
        normalised: whether the embeddings are normalised, so that their magnitudes are no quality.
        lowest: the images of lowest quality, the lowest first.
        highest: the images of highest quality, the highest first.
        hardest: genuine and impostor pairs with their images, the hardest of each kind first.
        card: name and value of each setting in the model's checkpoint.
        warnings: problems of the images and of the pairs, one sentence each.
    """

    confidence: Confidence = field(default_factory=lambda: Confidence({}, ""))
    quality: str = ""
    discard: DiscardCurve | None = None
    groups: Sequence[GroupComparison] = ()
    magnitudes_I: NDArray[np.float64] | None = None
    normalised: bool = False
    lowest: Sequence[PicturedImage] = ()
    highest: Sequence[PicturedImage] = ()
    hardest: Sequence[PicturedPair] = ()
    card: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    @property
    def discard_area(self) -> PartialArea | None:
        """The area below the discard curve up to 20 %; None if the curve ends before."""
        curve = self.discard
        return None if curve is None or curve.discard_T[-1] < AREA_LIMIT else partial_area(curve, AREA_LIMIT)

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
            "discard": None
            if curve is None
            else {"fmr": FMR, "share": curve.discard_T.tolist(), "fnmr": curve.fnmr_T.tolist()},
            "discard_area": None if area is None else asdict(area),
            "normalised": self.normalised,
            "magnitudes": None if self.magnitudes_I is None else _summary(self.magnitudes_I),
            "lowest_quality": [{"name": image.name, "quality": image.quality} for image in self.lowest],
            "highest_quality": [{"name": image.name, "quality": image.quality} for image in self.highest],
            "groups": [comparison.to_json() for comparison in self.groups],
            "hardest": [
                {"left": pair.left, "right": pair.right, "genuine": pair.genuine, "score": pair.score}
                for pair in self.hardest
            ],
            "card": dict(self.card),
            "warnings": list(self.warnings),
        }


def report_contents(
    result: Verification, confidence: Confidence, scores: QualityScores | None = None
) -> ReportContents:
    """Compute what a report shows of a verification beyond its metrics.

    Pairs are grouped by each grouping of the pair list, and by the quartiles of their quality. The hardest pairs and
    the images of lowest and highest quality are shown if their images are known.

    Args:
        result: the verification.
        confidence: its confidence intervals.
        scores: quality of each image; None takes the magnitudes of the embeddings, unless they are normalised.

    Raises:
        FembError: an image has no quality, or cannot be read.
    """
    scores_N, genuine_N = result.scores_N, result.genuine_N
    quality_2N, quality = _image_quality(result, scores)
    quality_N = None if quality_2N is None else quality_2N.min(axis=0)
    groupings = {**result.pairs.groups, **({} if quality_N is None else {quality: quantile_bins(quality_N)})}
    people = _people(result) if groupings else None
    magnitudes_I = None if result.embedded is None else used_magnitudes(result.embedded)
    normalised = magnitudes_I is not None and _are_of_unit_length(result, magnitudes_I)
    images = result.images
    lowest, highest = (
        ([], []) if images is None or quality_2N is None else extreme_images(result.pairs, images, quality_2N)
    )
    return ReportContents(
        confidence=confidence,
        quality=quality,
        discard=None if quality_N is None else discard_curve(scores_N, genuine_N, quality_N, fmr=float(FMR)),
        groups=[
            compare_groups(scores_N, genuine_N, labels_N, grouping=grouping, far=float(FMR), people=people)
            for grouping, labels_N in groupings.items()
        ],
        magnitudes_I=None if normalised else magnitudes_I,
        normalised=normalised,
        lowest=lowest,
        highest=highest,
        hardest=[] if images is None else picture_pairs(result, images, _hardest(result)),
        card=result.card,
        warnings=(*result.said, *result.warnings),
    )


def _hardest(result: Verification) -> NDArray[np.int64]:
    """The places of the hardest pairs, genuine ones first."""
    return np.concatenate(hardest_pairs(result.scores_N, result.genuine_N))


def _image_quality(result: Verification, scores: QualityScores | None) -> tuple[NDArray[np.float64] | None, str]:
    """The quality of the left and of the right image of each pair (2, N), or None, and what measures it."""
    if scores is not None:
        return quality_of_images(scores, result.pairs), scores.title
    embedded = result.embedded
    if embedded is None:
        return None, ""
    magnitudes_I = magnitudes(embedded.embeddings_ND)
    magnitudes_2N = magnitudes_I[np.stack((embedded.left_P, embedded.right_P))]
    return (None, "") if _are_of_unit_length(result, magnitudes_2N) else (magnitudes_2N, MAGNITUDE)


def _are_of_unit_length(result: Verification, magnitudes: NDArray[np.float64]) -> bool:
    """Whether the network normalises its embeddings; their sum with those of mirror images may have other lengths."""
    return result.card.get(UNIT_LENGTH) == "yes" or are_normalised(magnitudes)


def _people(result: Verification) -> tuple[NDArray[np.int32], NDArray[np.int32]] | None:
    """Number the people of both images of each pair; None if they are unknown, or there are too many pairs."""
    subjects = result.pairs.subjects() if len(result.pairs) <= MOST_PAIRS_BY_SUBJECT else None
    if subjects is None:
        return None
    left, right = subjects
    return left.codes_N.astype(np.int32, copy=False), right.codes_N.astype(np.int32, copy=False)


def _summary(magnitudes_I: NDArray[np.float64]) -> dict[str, float]:
    """The smallest, the middle and the largest magnitude."""
    low, median, high = np.quantile(magnitudes_I, [0.0, 0.5, 1.0]).tolist()
    return {"lowest": low, "median": median, "highest": high}
