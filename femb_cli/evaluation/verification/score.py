"""The scores of image pairs, and all verification metrics of a scored list of pairs.

Shape suffixes: N embeddings, D embedding dimension, P pairs.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.blocks import blocks
from femb_cli.evaluation.metrics.checks import check_embeddings
from femb_cli.evaluation.metrics.protocols import FoldAccuracy, arcface_tar_at_far, fold_accuracy, magface
from femb_cli.evaluation.metrics.roc import auc, d_prime, equal_error_rate, roc_curve, tar_at_far
from femb_cli.evaluation.verification.pairs import PairList

_FALSE_ACCEPT_RATES = ("1e-1", "1e-2", "1e-3", "1e-4")
_BLOCK_ROWS = 256
"""Pairs computed at a time, few enough that their float64 embeddings fit the processor's cache."""


@dataclass(frozen=True)
class VerificationMetrics:
    """The metrics of a list of scored pairs; rates in [0, 1], thresholds as cosines.

    Attributes:
        num_pairs: number of pairs.
        accuracy: mean accuracy over the folds of the protocol.
        accuracy_std: standard deviation of the accuracy over the folds, dividing by their number.
        threshold: mean over the folds of the threshold, as a cosine.
        tar_at_far: true accept rate at each false accept rate, with keys such as "1e-3"; the rate falls.
        fnmr_at_fmr: 1 - `tar_at_far`.
        threshold_at_fmr: the threshold of each of these rates, as a cosine.
        eer: mean of FMR and FNMR at the threshold where they are nearest.
        auc: probability that a genuine pair scores higher than an impostor pair.
        d_prime: distance of the two mean scores in units of their spread; None if all genuine scores are equal and all
            impostor scores are equal.
        num_genuine: number of genuine pairs.
        num_impostor: number of impostor pairs.
        protocol: name of the protocol of the accuracy.
        num_folds: number of folds.
        arcface_torch_val_at_far_1e3: arcface_torch's own interpolated TAR at FAR 1e-3, which it calls `val`, with its
            standard deviation over the folds, `val_std`, and the FAR on the same folds, `far`; None for scores that
            are no cosines.
    """

    num_pairs: int
    accuracy: float
    accuracy_std: float
    threshold: float
    tar_at_far: dict[str, float]
    fnmr_at_fmr: dict[str, float]
    threshold_at_fmr: dict[str, float]
    eer: float
    auc: float
    d_prime: float | None
    num_genuine: int
    num_impostor: int
    protocol: str
    num_folds: int
    arcface_torch_val_at_far_1e3: dict[str, float] | None

    def with_distances(self) -> "VerificationMetrics":
        """Return the metrics of scores that are distances with the opposite sign: thresholds become distances."""
        at_fmr = {rate: -threshold for rate, threshold in self.threshold_at_fmr.items()}
        return replace(self, threshold=-self.threshold, threshold_at_fmr=at_fmr)

    def to_json(self) -> dict[str, Any]:
        """Return the metrics as plain numbers, text and objects."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class EmbeddedPairs:
    """The embeddings of pairs, for protocols that need more than their scores.

    Attributes:
        embeddings_ND: embeddings of any float type, normalised or not.
        left_P: row of the first image of each pair.
        right_P: row of the second image of each pair.
    """

    embeddings_ND: NDArray[Any]
    left_P: NDArray[np.integer[Any]]
    right_P: NDArray[np.integer[Any]]


def cosine_scores(
    embeddings_ND: ArrayLike, left_P: ArrayLike, right_P: ArrayLike, *, names: Sequence[str] | None = None
) -> NDArray[np.float64]:
    """Compute the cosine of each pair of embeddings, in blocks, so that memory does not grow with the pairs.

    Args:
        embeddings_ND: embeddings of any float type, normalised or not; the computation is in float64.
        left_P: row of the first image of each pair.
        right_P: row of the second image of each pair.
        names: name of each row, for errors.

    Returns:
        Cosine of each pair, float64 (P,), in [-1, 1].

    Raises:
        FembError: if an embedding is zero or not finite, or the numbers of names and embeddings differ.
    """
    embeddings = np.asarray(embeddings_ND)
    left, right = np.asarray(left_P), np.asarray(right_P)
    lengths = _checked_lengths(embeddings, names)
    scores = np.empty(len(left))
    for block in blocks(len(left), _BLOCK_ROWS):
        left_rows, right_rows = left[block], right[block]
        products = _row_products(embeddings[left_rows], embeddings[right_rows])
        scores[block] = products / (lengths[left_rows] * lengths[right_rows])
    return scores.clip(-1.0, 1.0, out=scores)


def xnorm(original: EmbeddedPairs, flipped: EmbeddedPairs) -> float:
    """Return arcface_torch's `XNorm`: the mean L2 norm of all embeddings in the pairs, of images and mirror images.

    An image counts as often as it is in a pair.
    """
    means = []
    for embedded in (original, flipped):
        lengths_N = np.sqrt(_squared_lengths(embedded.embeddings_ND))
        means.append(lengths_N[np.concatenate((embedded.left_P, embedded.right_P))].mean())
    return float(np.mean(means))


def mean_cosine(embedded: EmbeddedPairs) -> float:
    """Return the mean cosine of all pairs of different images that a list of pairs names, two images at least.

    It is computed from the sum of the unit vectors: its squared length is the sum of all cosines.
    """
    is_used_N = np.zeros(len(embedded.embeddings_ND), dtype=bool)
    is_used_N[embedded.left_P] = is_used_N[embedded.right_P] = True
    rows = np.flatnonzero(is_used_N)
    total_D = np.zeros(embedded.embeddings_ND.shape[1])
    for block in blocks(len(rows), _BLOCK_ROWS):
        vectors = embedded.embeddings_ND[rows[block]].astype(np.float64)
        total_D += (vectors / np.sqrt(_squared_lengths(vectors))[:, None]).sum(0)
    count = len(rows)
    return float((total_D @ total_D - count) / (count * (count - 1)))


def score_pairs(
    scores_P: ArrayLike,
    pairs: PairList,
    protocol: str,
    *,
    embedded: EmbeddedPairs | None = None,
    are_cosines: bool = True,
    more_rates: Sequence[str] = (),
) -> VerificationMetrics:
    """Compute all metrics of a list of pairs.

    Args:
        scores_P: cosine of each pair.
        pairs: the pairs, in the same order.
        protocol: how accuracy is measured, one of `PROTOCOL_NAMES`.
        embedded: the embeddings of the pairs; only the protocol `magface` needs them.
        are_cosines: whether the scores are cosines; arcface_torch's TAR is of cosines only.
        more_rates: false accept rates besides 1e-1 to 1e-4, as text.

    Raises:
        FembError: as `roc_curve` and `fold_accuracy`.
    """
    folds = accuracy_over_folds(scores_P, pairs, protocol, embedded)
    official = _official_tar(scores_P, pairs) if are_cosines else None
    curve = roc_curve(scores_P, pairs.genuine_N)
    rates = sorted({*_FALSE_ACCEPT_RATES, *more_rates}, key=float, reverse=True)
    points = {rate: tar_at_far(curve, float(rate)) for rate in rates}
    return VerificationMetrics(
        num_pairs=len(pairs),
        accuracy=folds.accuracy,
        accuracy_std=folds.accuracy_std,
        threshold=folds.threshold,
        tar_at_far={key: point.tar for key, point in points.items()},
        fnmr_at_fmr={key: 1.0 - point.tar for key, point in points.items()},
        threshold_at_fmr={key: point.threshold for key, point in points.items()},
        eer=equal_error_rate(curve),
        auc=auc(curve),
        d_prime=d_prime(curve),
        num_genuine=len(curve.genuine_G),
        num_impostor=len(curve.impostor_I),
        protocol=protocol,
        num_folds=pairs.num_folds,
        arcface_torch_val_at_far_1e3=official,
    )


def _official_tar(scores_P: ArrayLike, pairs: PairList) -> dict[str, float]:
    """arcface_torch's TAR at FAR 1e-3, its standard deviation, and the FAR."""
    official = arcface_tar_at_far(scores_P, pairs.genuine_N, pairs.folds_N)
    return {"val": official.tar, "val_std": official.tar_std, "far": official.far}


def accuracy_over_folds(
    scores_P: ArrayLike, pairs: PairList, protocol: str, embedded: EmbeddedPairs | None = None
) -> FoldAccuracy:
    """Measure accuracy by the protocol: `magface` uses the embeddings, all others the scores.

    Arguments and errors as `score_pairs`.
    """
    if protocol == "magface" and embedded is not None:
        left_PD, right_PD = (embedded.embeddings_ND[rows] for rows in (embedded.left_P, embedded.right_P))
        return magface(left_PD, right_PD, pairs.genuine_N, pairs.folds_N)
    return fold_accuracy(protocol, scores_P, pairs.genuine_N, pairs.folds_N)


def _checked_lengths(embeddings: NDArray[Any], names: Sequence[str] | None) -> NDArray[np.float64]:
    """The L2 norm of each row; refuses rows that are zero or not finite."""
    if names is not None and len(names) != len(embeddings):
        raise FembError(f"{len(embeddings)} embeddings, but {len(names)} names")
    if embeddings.ndim != 2 or embeddings.dtype.kind not in "fiu":
        raise FembError(
            f"embeddings are rows of real numbers, not {embeddings.dtype} of shape {embeddings.shape}",
            hint="use the array that `femb embed` wrote",
        )
    squared = _squared_lengths(embeddings)
    check_embeddings(
        squared,
        lambda row: f"the embedding in row {row} (counted from 0)" + ("" if names is None else f", {names[row]!r},"),
    )
    return np.sqrt(squared)


def _squared_lengths(embeddings: NDArray[Any]) -> NDArray[np.float64]:
    """The squared L2 norm of each row."""
    squared = np.empty(len(embeddings))
    for block in blocks(len(embeddings), _BLOCK_ROWS):
        squared[block] = _row_products(embeddings[block], embeddings[block])
    return squared


def _row_products(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Inner product of each row with its partner, in float64."""
    return np.einsum("pd,pd->p", left.astype(np.float64, copy=False), right.astype(np.float64, copy=False))
