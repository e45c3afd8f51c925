"""Template verification as on IJB-B and IJB-C: several images and video frames of a person against several others.

Sources:
    C. Whitelam et al., "IARPA Janus Benchmark-B Face Dataset", CVPR Workshops 2017.
    B. Maze et al., "IARPA Janus Benchmark - C: Face Dataset and Protocol", ICB 2018.
    Features, templates and the rate that is read off the curve follow deepinsight/insightface,
    recognition/arcface_torch/eval_ijbc.py: `image2template_feature`, `verification` and its table.

Shape suffixes: N images, D embedding dimension, T templates, P pairs of templates, K points of a curve.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.directions import check_directions
from femb_cli.evaluation.metrics import (
    RocCurve,
    auc,
    d_prime,
    interpolated_equal_error_rate,
    roc_curve,
    tar_at_far,
)

FALSE_POSITIVE_RATES = {"1e-6": 1e-6, "1e-5": 1e-5, "1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2, "1e-1": 1e-1}
_MODE = re.compile(r"N([01])D([01])(?:F([01]))?")
_TILE_ROWS = 1024
_CELLS_PER_PAIR = 64


@dataclass(frozen=True)
class TemplateMode:
    """How image features become template features; the official default is N1D1F1.

    Attributes:
        use_norm: keep the magnitude of an embedding as its weight (N1), or make every one of unit length (N0).
        use_detector: weigh each image by its faceness (D1).
        flip: add the mirror image's embedding (F1) or leave it out (F0), where each row holds both side by side; None
            for rows of one embedding.
    """

    use_norm: bool = True
    use_detector: bool = True
    flip: bool | None = True

    @classmethod
    def parse(cls, text: str) -> "TemplateMode":
        """Read `N1D1F1` and the like; without F, each row is one embedding.

        Raises:
            FembError: if the text is no mode.
        """
        found = _MODE.fullmatch(text)
        if found is None:
            raise FembError(
                f"no template mode {text!r}",
                hint="N1D1F1 is the official default; 0 in place of 1 leaves out norms (N), faceness (D) or mirror "
                "images (F), and N1D1 is for rows of one embedding each",
            )
        norm, detector, flip = found.groups()
        return cls(norm == "1", detector == "1", None if flip is None else flip == "1")

    def __str__(self) -> str:
        return f"N{self.use_norm:d}D{self.use_detector:d}" + ("" if self.flip is None else f"F{self.flip:d}")


@dataclass(frozen=True)
class PointAtFpr:
    """A point of a ROC curve that was looked up by its false positive rate."""

    tpr: float
    fpr: float


@dataclass(frozen=True)
class TemplateFigures:
    """What a scored list of template pairs says about a network; rates in [0, 1].

    Attributes:
        num_pairs: number of pairs of templates.
        num_genuine: number of genuine pairs.
        num_impostor: number of impostor pairs.
        num_templates: number of templates.
        num_images: number of images.
        mode: how image features became template features, as `N1D1F1`.
        official_tpr_at_fpr: TPR at the point whose FPR is nearest, as eval_ijbc.py prints it, by "1e-4".
        official_fpr: the FPR of that point, which may exceed the one that was asked for.
        tar_at_far: the largest TAR with at most floor(FAR x impostor pairs) false accepts.
        fnmr_at_fmr: 1 - `tar_at_far`.
        eer: where the broken lines of FMR and FNMR cross.
        auc: probability that a genuine pair scores higher than an impostor pair.
        d_prime: distance of the mean scores in units of their spread; None if no score differs within its kind.
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
        """Return the figures as plain numbers, text and objects."""
        return asdict(self)


def image_features(
    embeddings_ND: ArrayLike, faceness_N: NDArray[np.float32], mode: TemplateMode
) -> NDArray[np.float64]:
    """Weigh the embeddings of images as the mode says.

    Args:
        embeddings_ND: raw embeddings, (N, D); if the mode has a flip (N, 2 D): of the image, then of its mirror image.
        faceness_N: the detector's confidence in each face.
        mode: what to use.

    Returns:
        Features (N, D), float64.

    Raises:
        FembError: if there is not one row for each image, the rows cannot be halved, or an embedding is zero or not
            finite.
    """
    features = np.asarray(embeddings_ND)
    if features.ndim != 2 or len(features) != len(faceness_N):
        raise FembError(f"{len(faceness_N)} images need as many rows of numbers, not an array of {features.shape}")
    if mode.flip is not None:
        if features.shape[1] % 2:
            raise FembError(
                f"rows of {features.shape[1]} numbers do not hold an image's and its mirror image's embedding",
                hint="a mode without F, such as N1D1, is for rows of one embedding each",
            )
        original, mirrored = np.split(features, 2, axis=1)
        features = original.astype(np.float64) + mirrored if mode.flip else original
    features = features.astype(np.float64)
    lengths_N = np.linalg.norm(features, axis=1)
    check_directions(lengths_N, lambda row: f"the embedding of image {row} (counted from 0)")
    if not mode.use_norm:
        features /= lengths_N[:, None]
    if mode.use_detector:
        features *= faceness_N[:, None]
    return features


def template_features(
    features_ND: NDArray[np.float64], template_N: NDArray[np.int64], media_N: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sum the features of each template, all images of one photo or video counting as their mean.

    Args:
        features_ND: features of the images.
        template_N: template of each image.
        media_N: photo or video of each image.

    Returns:
        Numbers of the templates (T,), ascending, and their features (T, D) of unit length.

    Raises:
        FembError: if the features of a template cancel out.
    """
    media_of_templates, media_rows = np.unique(np.stack((template_N, media_N), axis=1), axis=0, return_inverse=True)
    media_rows = media_rows.reshape(-1)
    means = _sums(features_ND, media_rows) / np.bincount(media_rows)[:, None]
    templates_T, template_rows = np.unique(media_of_templates[:, 0], return_inverse=True)
    sums_TD = _sums(means, template_rows)
    lengths_T = np.linalg.norm(sums_TD, axis=1)
    if not (lengths_T > 0.0).all():
        raise FembError(f"the features of template {templates_T[np.argmin(lengths_T)]} sum up to zero")
    return templates_T, sums_TD / lengths_T[:, None]


def template_rows(templates_T: NDArray[np.int64], numbers_P: NDArray[np.int32]) -> NDArray[np.int32]:
    """Find the row of each template.

    Args:
        templates_T: numbers of the templates, ascending.
        numbers_P: number of a template of each pair.

    Raises:
        FembError: if one of them has no image.
    """
    row_of_number = np.full(max(int(templates_T[-1]), int(numbers_P.max(initial=0))) + 1, -1, dtype=np.int32)
    row_of_number[templates_T] = np.arange(len(templates_T), dtype=np.int32)
    rows_P = row_of_number[numbers_P]
    if rows_P.min(initial=0) < 0:
        pair = int(np.argmin(rows_P))
        raise FembError(f"pair {pair + 1} is of template {numbers_P[pair]}, which has no image")
    return rows_P


def template_scores(
    features_TD: NDArray[Any], left_P: NDArray[np.integer[Any]], right_P: NDArray[np.integer[Any]]
) -> NDArray[Any]:
    """Compute the cosine of each pair of templates in the features' own type: float32 takes half the time of float64.

    The table of all cosines is made tile by tile, and each tile's pairs are read from it: a matrix product is so much
    faster than gathering rows that most of it may be unused. The table is symmetric, so that one half of it will do.

    Args:
        features_TD: features of unit length.
        left_P: row of the first template of each pair.
        right_P: row of the second template of each pair.

    Returns:
        Scores (P,) in the order of the pairs.
    """
    lower_P, higher_P = np.minimum(left_P, right_P), np.maximum(left_P, right_P)
    num_tiles = -(-len(features_TD) // _TILE_ROWS)
    tile_P = lower_P // _TILE_ROWS * num_tiles + higher_P // _TILE_ROWS
    # Numbers of 16 bits are sorted by their digits, several times faster than longer ones.
    order_P = np.argsort(tile_P.astype(np.min_scalar_type(num_tiles**2)), kind="stable")
    ends = np.bincount(tile_P, minlength=num_tiles**2).cumsum().tolist()
    del tile_P
    lower_P, higher_P = lower_P[order_P], higher_P[order_P]
    ordered_P = np.empty(len(order_P), dtype=features_TD.dtype)
    for tile, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        if start < end:
            row, column = (number * _TILE_ROWS for number in divmod(tile, num_tiles))
            ordered_P[start:end] = _tile_scores(
                features_TD[row : row + _TILE_ROWS],
                features_TD[column : column + _TILE_ROWS],
                lower_P[start:end] - row,
                higher_P[start:end] - column,
            )
    scores_P = np.empty_like(ordered_P)
    scores_P[order_P] = ordered_P
    return scores_P


def tpr_at_nearest_fpr(curve: RocCurve, fprs: Sequence[float]) -> list[PointAtFpr]:
    """Return the points whose FPR is nearest to each of `fprs`, as eval_ijbc.py does; their FPR may be larger.

    Looked at are the corners of the curve, without the points that continue the step before them (as scikit-learn's
    `roc_curve` leaves them out). Of two equally near points the one with the larger FPR counts, of several with that
    FPR the largest TPR.
    """
    true_K, false_K = _corners(curve)
    fpr_K = false_K / len(curve.impostor_I)
    nearest = [len(fpr_K) - 1 - int(np.argmin(np.abs(fpr_K - fpr)[::-1])) for fpr in fprs]
    return [PointAtFpr(float(true_K[point] / len(curve.genuine_G)), float(fpr_K[point])) for point in nearest]


def template_figures(
    scores_P: NDArray[Any], genuine_P: NDArray[np.bool_], *, num_templates: int, num_images: int, mode: TemplateMode
) -> TemplateFigures:
    """Compute all figures of scored pairs of templates.

    Raises:
        FembError: as `roc_curve`.
    """
    curve = roc_curve(scores_P, genuine_P)
    nearest = tpr_at_nearest_fpr(curve, list(FALSE_POSITIVE_RATES.values()))
    official = dict(zip(FALSE_POSITIVE_RATES, nearest, strict=True))
    tar = {key: tar_at_far(curve, far).tar for key, far in FALSE_POSITIVE_RATES.items()}
    return TemplateFigures(
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


def _sums(rows_ND: NDArray[np.float64], groups_N: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum of the rows of each group; the groups are numbered from 0 without a gap."""
    order_N = np.argsort(groups_N, kind="stable")
    starts = np.flatnonzero(np.diff(groups_N[order_N], prepend=-1))
    return np.add.reduceat(rows_ND[order_N], starts, axis=0)


def _tile_scores(
    rows_RD: NDArray[Any], columns_CD: NDArray[Any], row_P: NDArray[Any], column_P: NDArray[Any]
) -> NDArray[Any]:
    """Scores of pairs within one tile; of few pairs without the others of the tile."""
    if len(row_P) * _CELLS_PER_PAIR < len(rows_RD) * len(columns_CD):
        return np.einsum("pd,pd->p", rows_RD[row_P], columns_CD[column_P])
    return (rows_RD @ columns_CD.T)[row_P, column_P]


def _corners(curve: RocCurve) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of true and of false accepts where the curve turns or its step changes, from "accept none" on."""
    scores = np.concatenate((curve.genuine_G, curve.impostor_I))
    # Two sorted runs: this sort merges them.
    scores.sort(kind="stable")
    distinct = scores[np.flatnonzero(np.append(True, scores[1:] != scores[:-1]))][::-1]
    del scores
    # Pairs fit in 32 bits, and there may be millions of them.
    true_K = (len(curve.genuine_G) - np.searchsorted(curve.genuine_G, distinct)).astype(np.int32)
    false_K = (len(curve.impostor_I) - np.searchsorted(curve.impostor_I, distinct)).astype(np.int32)
    kept = np.ones(len(distinct), dtype=bool)
    kept[1:-1] = (np.diff(true_K, 2) != 0) | (np.diff(false_K, 2) != 0)
    return np.append(0, true_K[kept]), np.append(0, false_K[kept])
