"""The metrics of scored pairs of templates, official and exact.

The official rates follow deepinsight/insightface, recognition/arcface_torch/eval_ijbc.py, which reads them off the ROC
curve at the points with the nearest FPR.

Shape suffixes: P pairs of templates, K points of a curve.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.metrics.roc import (
    RocCurve,
    auc,
    d_prime,
    interpolated_equal_error_rate,
    roc_curve,
    tar_at_far,
)
from femb_cli.evaluation.templates.mode import TemplateMode

FALSE_POSITIVE_RATES = {"1e-6": 1e-6, "1e-5": 1e-5, "1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2, "1e-1": 1e-1}


@dataclass(frozen=True)
class PointAtFpr:
    """A point of a ROC curve."""

    tpr: float
    fpr: float


@dataclass(frozen=True)
class TemplateMetrics:
    """The metrics of a list of scored template pairs; rates in [0, 1].

    Attributes:
        num_pairs: number of pairs of templates.
        num_genuine: number of genuine pairs.
        num_impostor: number of impostor pairs.
        num_templates: number of templates.
        num_images: number of images.
        mode: how image features became template features, such as `N1D1F1`.
        official_tpr_at_fpr: TPR at the point with the nearest FPR, as eval_ijbc.py prints it, with keys such as "1e-4".
        official_fpr: the FPR of that point, which may exceed the requested one.
        tar_at_far: the largest TAR with at most floor(FAR x impostor pairs) false accepts.
        fnmr_at_fmr: 1 - `tar_at_far`.
        eer: the rate where FMR and FNMR cross, if straight lines connect the points of the curve.
        auc: probability that a genuine pair scores higher than an impostor pair.
        d_prime: distance of the two mean scores in units of their spread; None if all genuine scores are equal and all
            impostor scores are equal.
    """

    num_pairs: int
    num_genuine: int
    num_impostor: int
    num_templates: int
    num_images: int
    mode: str
    official_tpr_at_fpr: dict[str, float]
    official_fpr: dict[str, float]
    tar_at_far: dict[str, float]
    fnmr_at_fmr: dict[str, float]
    eer: float
    auc: float
    d_prime: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the metrics as plain numbers, text and objects."""
        return asdict(self)


def template_metrics(
    scores_P: NDArray[Any], genuine_P: NDArray[np.bool_], *, num_templates: int, num_images: int, mode: TemplateMode
) -> TemplateMetrics:
    """Compute all metrics of scored pairs of templates.

    Raises:
        FembError: as `roc_curve`.
    """
    curve = roc_curve(scores_P, genuine_P)
    nearest = tpr_at_nearest_fpr(curve, list(FALSE_POSITIVE_RATES.values()))
    official = dict(zip(FALSE_POSITIVE_RATES, nearest, strict=True))
    tar = {key: tar_at_far(curve, far).tar for key, far in FALSE_POSITIVE_RATES.items()}
    return TemplateMetrics(
        num_pairs=len(genuine_P),
        num_genuine=len(curve.genuine_G),
        num_impostor=len(curve.impostor_I),
        num_templates=num_templates,
        num_images=num_images,
        mode=str(mode),
        official_tpr_at_fpr={key: point.tpr for key, point in official.items()},
        official_fpr={key: point.fpr for key, point in official.items()},
        tar_at_far=tar,
        fnmr_at_fmr={key: 1.0 - rate for key, rate in tar.items()},
        eer=interpolated_equal_error_rate(curve),
        auc=auc(curve),
        d_prime=d_prime(curve),
    )


def tpr_at_nearest_fpr(curve: RocCurve, fprs: Sequence[float]) -> list[PointAtFpr]:
    """Return the points whose FPR is nearest to each of `fprs`, as eval_ijbc.py does; their FPR may be larger.

    The points are the corners of the curve. As in scikit-learn's `roc_curve`, a point that continues the step before it
    is left out. Of two equally near points the one with the larger FPR counts, and of several points with that FPR the
    one with the largest TPR.
    """
    true_K, false_K = _corners(curve)
    fpr_K = false_K / len(curve.impostor_I)
    nearest = [len(fpr_K) - 1 - int(np.argmin(np.abs(fpr_K - fpr)[::-1])) for fpr in fprs]
    return [PointAtFpr(float(true_K[point] / len(curve.genuine_G)), float(fpr_K[point])) for point in nearest]


def _corners(curve: RocCurve) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of true and of false accepts where the step of the curve changes; the first point accepts nothing."""
    scores = np.concatenate((curve.genuine_G, curve.impostor_I))
    # A stable sort merges the two sorted parts.
    scores.sort(kind="stable")
    distinct = scores[np.flatnonzero(np.append(True, scores[1:] != scores[:-1]))][::-1]
    del scores
    # The numbers of pairs fit in 32 bits, and there may be millions of them.
    true_K = (len(curve.genuine_G) - np.searchsorted(curve.genuine_G, distinct)).astype(np.int32)
    false_K = (len(curve.impostor_I) - np.searchsorted(curve.impostor_I, distinct)).astype(np.int32)
    kept = np.ones(len(distinct), dtype=bool)
    kept[1:-1] = (np.diff(true_K, 2) != 0) | (np.diff(false_K, 2) != 0)
    return np.append(0, true_K[kept]), np.append(0, false_K[kept])
