"""The protocols of verification accuracy over folds, as the official evaluators define them.

The threshold of a fold is the one with the best accuracy on all other folds. Of several equally good thresholds it is
the strictest, because the official codes search a rising grid of distances and take the first one. The accuracy is
the mean over the folds.

Sources:
    `arcface`: deepinsight/insightface, recognition/arcface_torch/eval/verification.py, `calculate_roc`.
    `arcface_tar_at_far`: the same file, `calculate_val`.
    `xqlfw`: Knoche, Hoermann and Rigoll, "Cross-Quality LFW", FG 2021, https://arxiv.org/abs/2108.10290, and its
        evaluator, Martlgap/xqlfw, code/evaluate.py, `k_fold_cross_validation`.
    `magface`: Meng, Zhao, Huang and Zhou, "MagFace", CVPR 2021, https://arxiv.org/abs/2103.06627, and its evaluator,
        IrvingMeng/MagFace, eval/eval_recognition/eval_1v1.py, `calculate_roc`; it uses no mirror images.
    `exact`: femb's own. It has no grid: every score of the training folds is tried as a threshold.

Shape suffixes: N pairs, D embedding dimension, F folds, T thresholds of a grid.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.blocks import blocks
from femb_cli.evaluation.metrics.roc import checked_scores

_MAGFACE_GRID = np.arange(0, 4, 0.01)


@dataclass(frozen=True)
class FoldAccuracy:
    """Accuracy of a protocol over its folds.

    Attributes:
        accuracy: mean over the folds of the accuracy on the fold that was left out, in [0, 1].
        accuracy_std: standard deviation of the fold accuracies, dividing by the number of folds.
        threshold: mean over the folds of the threshold, as a cosine.
        fold_accuracies: accuracy of each fold.
        fold_thresholds: cosine threshold of each fold; under `magface` for embeddings with their mean subtracted.
        accepted_N: whether each pair was accepted by the threshold of its fold.
    """

    accuracy: float
    accuracy_std: float
    threshold: float
    fold_accuracies: tuple[float, ...]
    fold_thresholds: tuple[float, ...]
    accepted_N: NDArray[np.bool_] = field(repr=False, compare=False)


@dataclass(frozen=True)
class FoldTar:
    """True accept rate over folds, with each fold's threshold set by the false accept rate on the other folds.

    Attributes:
        tar: mean over the folds of the true accept rate on the fold that was left out, in [0, 1].
        tar_std: standard deviation of the folds' true accept rates, dividing by the number of folds.
        far: mean over the folds of the false accept rate on the fold that was left out. It differs from the requested
            rate, which holds on the other folds.
        fold_thresholds: threshold of each fold, as a squared distance in [0, 4].
    """

    tar: float
    tar_std: float
    far: float
    fold_thresholds: tuple[float, ...]


def arcface(scores_N: ArrayLike, genuine_N: ArrayLike, folds_N: ArrayLike) -> FoldAccuracy:
    """Measure accuracy as arcface_torch does: squared distance of unit vectors below a multiple of 0.01.

    Args:
        scores_N: cosine of each pair.
        genuine_N: true where both images show the same person.
        folds_N: fold of each pair, counted from 0.

    Raises:
        FembError: as `checked_scores`, or if there are fewer than two folds or a fold without pairs.
    """
    scores, genuine = checked_scores(scores_N, genuine_N)
    grid_T = np.arange(0, 4, 0.01)
    return _fold_accuracy(_squared_distances(scores), genuine, folds_N, grid_T, lambda squares: 1.0 - squares / 2.0)


def xqlfw(scores_N: ArrayLike, genuine_N: ArrayLike, folds_N: ArrayLike) -> FoldAccuracy:
    """Measure accuracy as the XQLFW evaluator does: cosine distance below a multiple of 0.001.

    Arguments and errors as `arcface`.
    """
    scores, genuine = checked_scores(scores_N, genuine_N)
    distances = np.maximum(1.0 - scores, 0.0)
    return _fold_accuracy(distances, genuine, folds_N, np.arange(0, 2, 0.001), lambda thresholds: 1.0 - thresholds)


def magface_no_mean(scores_N: ArrayLike, genuine_N: ArrayLike, folds_N: ArrayLike) -> FoldAccuracy:
    """Measure accuracy as MagFace's evaluator does with `subtract_mean=False`: angle / pi below a multiple of 0.01.

    Arguments and errors as `arcface`.
    """
    scores, genuine = checked_scores(scores_N, genuine_N)
    return _fold_accuracy(_angles_over_pi(scores), genuine, folds_N, _MAGFACE_GRID, lambda turns: np.cos(np.pi * turns))


def magface(left_ND: ArrayLike, right_ND: ArrayLike, genuine_N: ArrayLike, folds_N: ArrayLike) -> FoldAccuracy:
    """Measure accuracy as MagFace's evaluator does: subtract the mean of the training folds from all embeddings first.

    Args:
        left_ND: embedding of the first image of each pair, normalised or not, without its mirror image.
        right_ND: embedding of the second image of each pair.
        genuine_N: true where both images show the same person.
        folds_N: fold of each pair, counted from 0.

    Raises:
        FembError: as `arcface`, or if an embedding equals the mean, because it then has no angle.
    """
    left, right = np.asarray(left_ND, dtype=np.float64), np.asarray(right_ND, dtype=np.float64)
    folds, num_folds = _checked_folds(folds_N, len(left))
    accuracies, thresholds = np.empty(num_folds), np.empty(num_folds)
    accepted = np.empty(len(folds), dtype=bool)
    for fold in range(num_folds):
        training = folds != fold
        mean_D = np.concatenate((left[training], right[training])).mean(axis=0)
        scores, genuine = checked_scores(_cosines(left - mean_D, right - mean_D), genuine_N)
        turns = _angles_over_pi(scores)
        # Here there are two folds: the one that is left out, and all others together.
        (accuracies[fold], _), (thresholds[fold], _) = accuracy_on_grid(turns, genuine, training, _MAGFACE_GRID)
        accepted[~training] = turns[~training] < thresholds[fold]
    return _summary(accuracies, np.cos(np.pi * thresholds), accepted)


def exact(scores_N: ArrayLike, genuine_N: ArrayLike, folds_N: ArrayLike) -> FoldAccuracy:
    """Measure accuracy with every score of the training folds as a threshold; of the best ones, take the highest.

    Arguments and errors as `arcface`.
    """
    scores, genuine = checked_scores(scores_N, genuine_N)
    folds, num_folds = _checked_folds(folds_N, len(scores))
    thresholds = _best_scores(scores, genuine, folds, num_folds)
    accepted = ~_are_below(scores, thresholds, folds)
    accuracies = [np.mean(accepted[folds == fold] == genuine[folds == fold]) for fold in range(num_folds)]
    return _summary(np.array(accuracies), thresholds, accepted)


PROTOCOLS: dict[str, Callable[[ArrayLike, ArrayLike, ArrayLike], FoldAccuracy]] = {
    "arcface": arcface,
    "xqlfw": xqlfw,
    "exact": exact,
    "magface-no-mean": magface_no_mean,
}
"""The protocols that need only scores."""
PROTOCOL_NAMES = (*PROTOCOLS, "magface")
"""All protocols: those of `PROTOCOLS`, and `magface`, which needs embeddings."""
DEFAULT_PROTOCOL = "arcface"
"""The protocol of a pair list that does not belong to a named benchmark."""


def check_protocol(protocol: str) -> None:
    """Refuse the name of an unknown protocol.

    Raises:
        FembError: if there is no such protocol.
    """
    if protocol not in PROTOCOL_NAMES:
        raise FembError(f"no verification protocol {protocol!r}", hint=f"choose one of {', '.join(PROTOCOL_NAMES)}")


def fold_accuracy(protocol: str, scores_N: ArrayLike, genuine_N: ArrayLike, folds_N: ArrayLike) -> FoldAccuracy:
    """Measure accuracy by the protocol of this name, one of `PROTOCOLS`; arguments as `arcface`.

    Raises:
        FembError: if there is no such protocol, if it needs embeddings, or as `arcface`.
    """
    check_protocol(protocol)
    if protocol not in PROTOCOLS:
        raise FembError(
            f"the protocol {protocol!r} needs the embeddings of the pairs, not their scores alone",
            hint=f"for scores choose one of {', '.join(PROTOCOLS)}",
        )
    return PROTOCOLS[protocol](scores_N, genuine_N, folds_N)


def arcface_tar_at_far(scores_N: ArrayLike, genuine_N: ArrayLike, folds_N: ArrayLike, far: float = 1e-3) -> FoldTar:
    """Measure arcface_torch's TAR at a FAR: squared distances, thresholds interpolated on a grid of 0.001.

    Arguments and errors as `arcface`; `far` is the requested false accept rate, in [0, 1].
    """
    scores, genuine = checked_scores(scores_N, genuine_N)
    return tar_on_grid(_squared_distances(scores), genuine, folds_N, far)


def tar_on_grid(squared_distances_N: ArrayLike, genuine_N: ArrayLike, folds_N: ArrayLike, far: float = 1e-3) -> FoldTar:
    """Interpolate each fold's threshold at a FAR of the other folds, and measure TAR and FAR on that fold.

    The threshold lies on the line between the last grid point whose FAR is at most `far` and the next one. If no grid
    point reaches the FAR, the threshold is 0, which accepts no pair. A fold without impostor pairs has FAR 0, and a
    fold without genuine pairs has TAR 0.

    Args:
        squared_distances_N: squared distance of unit vectors, in [0, 4]; accepted below the threshold.
        genuine_N: true where both images show the same person.
        folds_N: fold of each pair, counted from 0.
        far: the requested false accept rate, in [0, 1].

    Raises:
        FembError: if there are fewer than two folds or a fold without pairs.
    """
    distances, genuine = np.asarray(squared_distances_N, dtype=np.float64), np.asarray(genuine_N, dtype=bool)
    folds, num_folds = _checked_folds(folds_N, len(distances))
    grid = np.arange(0, 4, 0.001)
    thresholds, tars, fars = np.zeros(num_folds), np.empty(num_folds), np.empty(num_folds)
    # Impostor pairs of each fold that each threshold accepts; the last column is all of them.
    accepted_FT = _first_accepted(distances, genuine, folds, grid)[:, 0].cumsum(axis=1)
    for fold in range(num_folds):
        training_T = accepted_FT.sum(axis=0) - accepted_FT[fold]
        far_T = training_T[:-1] / max(int(training_T[-1]), 1)
        if far_T[-1] >= far:
            thresholds[fold] = np.interp(far, far_T, grid)
        accepted = distances[folds == fold] < thresholds[fold]
        tars[fold] = _share(accepted[genuine[folds == fold]])
        fars[fold] = _share(accepted[~genuine[folds == fold]])
    return FoldTar(float(tars.mean()), float(tars.std()), float(fars.mean()), tuple(thresholds.tolist()))


def accuracy_on_grid(
    distances_N: ArrayLike, genuine_N: ArrayLike, folds_N: ArrayLike, grid_T: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Choose each fold's threshold from a grid by the other folds, and measure the accuracy on that fold.

    Args:
        distances_N: distance of each pair; a pair is accepted if its distance is *less* than the threshold.
        genuine_N: true where both images show the same person.
        folds_N: fold of each pair, counted from 0.
        grid_T: thresholds to choose from, ascending.

    Returns:
        Accuracy (F,) and threshold (F,) of each fold.

    Raises:
        FembError: if there are fewer than two folds or a fold without pairs.
    """
    distances, genuine = np.asarray(distances_N, dtype=np.float64), np.asarray(genuine_N, dtype=bool)
    folds, num_folds = _checked_folds(folds_N, len(distances))
    impostor_FT, genuine_FT = _first_accepted(distances, genuine, folds, grid_T).swapaxes(0, 1)
    num_impostor_F1 = impostor_FT.sum(axis=1, keepdims=True)
    correct_FT = num_impostor_F1 + (genuine_FT - impostor_FT)[:, :-1].cumsum(axis=1)
    best_F = (correct_FT.sum(axis=0) - correct_FT).argmax(axis=1)
    sizes_F = num_impostor_F1[:, 0] + genuine_FT.sum(axis=1)
    return correct_FT[np.arange(num_folds), best_F] / sizes_F, grid_T[best_F]


def _fold_accuracy(
    distances: NDArray[np.float64],
    genuine: NDArray[np.bool_],
    folds_N: ArrayLike,
    grid_T: NDArray[np.float64],
    cosine_of: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> FoldAccuracy:
    """Accuracy with a grid of distances; its thresholds are converted to cosines."""
    accuracies, thresholds = accuracy_on_grid(distances, genuine, folds_N, grid_T)
    return _summary(accuracies, cosine_of(thresholds), _are_below(distances, thresholds, np.asarray(folds_N)))


def _first_accepted(
    distances: NDArray[np.float64], genuine: NDArray[np.bool_], folds: NDArray[Any], grid_T: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Number of impostor (0) and genuine (1) pairs of each fold that each threshold accepts, but not the one before it.

    Returns:
        The numbers, (F, 2, T + 1); the last column counts the pairs that no threshold accepts.
    """
    shape = (int(folds.max()) + 1, 2, len(grid_T) + 1)
    counts = np.zeros(math.prod(shape), dtype=np.int64)
    for rows in blocks(len(distances)):
        kinds = 2 * folds[rows].astype(np.int64) + genuine[rows]
        places = kinds * shape[2] + np.searchsorted(grid_T, distances[rows], side="right")
        counts += np.bincount(places, minlength=len(counts))
    return counts.reshape(shape)


def _are_below(
    values: NDArray[np.float64], thresholds_F: NDArray[np.float64], folds: NDArray[Any]
) -> NDArray[np.bool_]:
    """Whether each pair's number is below the threshold of its fold, (N,)."""
    return np.concatenate([values[rows] < thresholds_F[folds[rows].astype(np.intp)] for rows in blocks(len(values))])


def _squared_distances(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances of unit vectors; rounding may make a cosine exceed 1, but none is below 0."""
    squares = 2.0 * cosines
    np.subtract(2.0, squares, out=squares)
    return np.maximum(squares, 0.0, out=squares)


def _angles_over_pi(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles divided by pi, in [0, 1]."""
    return np.arccos(cosines.clip(-1.0, 1.0)) / np.pi


def _cosines(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine of each row with its partner; NaN if one of them is zero."""
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    with np.errstate(invalid="ignore"):
        return np.einsum("nd,nd->n", left, right) / lengths


def _share(flags: NDArray[np.bool_]) -> float:
    """The share of flags that are true; 0 if there are no flags."""
    return float(np.count_nonzero(flags) / max(len(flags), 1))


def _best_scores(
    scores: NDArray[np.float64], genuine: NDArray[np.bool_], folds: NDArray[Any], num_folds: int
) -> NDArray[np.float64]:
    """The score of the other folds that is the best threshold of each fold, or the highest one of several.

    This is a genuine score, because a lower threshold gains pairs only there, or else the highest score of these folds.
    """
    highest_F = np.array([scores[folds == fold].max() for fold in range(num_folds)])
    candidates = np.append(scores[genuine], highest_F)
    candidates.sort()
    gained_by_all = _gained(scores, genuine, candidates)
    thresholds = np.empty(num_folds)
    for fold in range(num_folds):
        inside = folds == fold
        gained = gained_by_all - _gained(scores[inside], genuine[inside], candidates)
        first = len(candidates) - np.searchsorted(candidates, np.delete(highest_F, fold).max(), side="right")
        thresholds[fold] = candidates[len(candidates) - 1 - first - np.argmax(gained[first:])]
    return thresholds


def _gained(
    scores: NDArray[np.float64], genuine: NDArray[np.bool_], ascending_T: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Accepted genuine pairs minus accepted impostor pairs at each threshold, from the highest threshold on, (T,)."""
    gained = np.zeros(len(ascending_T) + 1, dtype=np.int32)
    for rows in blocks(len(scores)):
        for kind, gain in ((genuine[rows], 1), (~genuine[rows], -1)):
            # Sorted scores are looked up faster.
            first_accepting = len(ascending_T) - np.searchsorted(ascending_T, np.sort(scores[rows][kind]), side="right")
            np.add.at(gained, first_accepting, np.int32(gain))
    return np.cumsum(gained, out=gained)[:-1]


def _checked_folds(folds_N: ArrayLike, num_pairs: int) -> tuple[NDArray[Any], int]:
    """The folds as integers of their own type, and their number."""
    folds = np.asarray(folds_N)
    if folds.shape != (num_pairs,):
        raise FembError(f"every pair needs one fold: {num_pairs} pairs, {folds.shape} folds")
    sizes = np.zeros(int(folds.max(initial=0)) + 1, dtype=np.int64)
    for rows in blocks(num_pairs):
        sizes += np.bincount(folds[rows], minlength=len(sizes))
    if len(sizes) < 2 or not sizes.all():
        raise FembError(
            f"accuracy over folds needs two folds or more, each with pairs; the folds have {sizes.tolist()} pairs",
            hint="use a list with more pairs",
        )
    return folds, len(sizes)


def _summary(
    accuracies: NDArray[np.float64], thresholds: NDArray[np.float64], accepted: NDArray[np.bool_]
) -> FoldAccuracy:
    """Summarise the accuracies and thresholds of the folds."""
    return FoldAccuracy(
        accuracy=float(accuracies.mean()),
        accuracy_std=float(accuracies.std()),
        threshold=float(thresholds.mean()),
        fold_accuracies=tuple(accuracies.tolist()),
        fold_thresholds=tuple(thresholds.tolist()),
        accepted_N=accepted,
    )
