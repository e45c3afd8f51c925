"""Template verification as on IJB-B and IJB-C: several images and video frames of a person against several others.

Sources:
    C. Whitelam et al., "IARPA Janus Benchmark-B Face Dataset", CVPR Workshops 2017.
    B. Maze et al., "IARPA Janus Benchmark - C: Face Dataset and Protocol", ICB 2018.
    Features, templates and the rate that is read off the curve follow deepinsight/insightface,
    recognition/arcface_torch/eval_ijbc.py: `image2template_feature`, `verification` and its table.

Shape suffixes: N images, R rows of stored embeddings, D embedding dimension, T templates, P pairs of templates,
K points of a curve. Within a table of cosines, R rows and C columns.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.checks import check_embeddings
from femb_cli.evaluation.metrics.roc import (
    RocCurve,
    auc,
    d_prime,
    interpolated_equal_error_rate,
    roc_curve,
    tar_at_far,
)

FALSE_POSITIVE_RATES = {"1e-6": 1e-6, "1e-5": 1e-5, "1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2, "1e-1": 1e-1}
_MODE = re.compile(r"N([01])D([01])(?:F([01]))?")
_CELLS = 2**22
_CELLS_PER_PAIR = 64
_GATHERED = 4096
_IMAGES_AT_A_TIME = 8192


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
class TemplateMetrics:
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
        """Return the metrics as plain numbers, text and objects."""
        return asdict(self)


def image_features(
    embeddings_ND: ArrayLike, faceness_N: NDArray[np.float32], mode: TemplateMode, *, first: int = 0
) -> NDArray[np.float64]:
    """Weigh the embeddings of images as the mode says.

    Args:
        embeddings_ND: raw embeddings, (N, D); if the mode has a flip (N, 2 D): of the image, then of its mirror image.
        faceness_N: the detector's confidence in each face.
        mode: what to use.
        first: number of the first image, for messages.

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
    check_embeddings(lengths_N, lambda row: f"the embedding of image {first + row} (counted from 0)")
    if not mode.use_norm:
        features /= lengths_N[:, None]
    if mode.use_detector:
        features *= faceness_N[:, None]
    return features


def template_features(
    embeddings_RD: NDArray[Any],
    row_N: NDArray[np.int64],
    faceness_N: NDArray[np.float32],
    template_N: NDArray[np.int64],
    media_N: NDArray[np.int64],
    mode: TemplateMode,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sum the features of each template, all images of one photo or video counting as their mean.

    Images are read a few thousand at a time, so that hundreds of thousands may lie on the disk.

    Args:
        embeddings_RD: raw embeddings as `image_features` has them, in any order; perhaps a memory map.
        row_N: row of each image among them.
        faceness_N: the detector's confidence in each face.
        template_N: template of each image.
        media_N: photo or video of each image.
        mode: what to use.

    Returns:
        Numbers of the templates (T,), ascending, and their features (T, D) of unit length.

    Raises:
        FembError: as `image_features`, or if the features of a template cancel out.
    """
    templates_T, place_N = np.unique(template_N, return_inverse=True)
    share_N = _share_of_medium(place_N, media_N)
    halves = 1 if mode.flip is None else 2
    sums_TD = np.zeros((len(templates_T), embeddings_RD.shape[1] // halves))
    for start in range(0, len(row_N), _IMAGES_AT_A_TIME):
        some = slice(start, start + _IMAGES_AT_A_TIME)
        features_ND = image_features(embeddings_RD[row_N[some]], faceness_N[some], mode, first=start)
        _add_rows(sums_TD, place_N[some], features_ND * share_N[some, None])
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
    """Compute the cosine of each pair of templates in the features' own type.

    The table of all cosines is made in strips of rows, and each strip's pairs are read from it: a matrix product is so
    much faster than gathering rows that most of it may be unused. IJB-C, whose 3,531 templates of the gallery meet
    19,593 probes, uses a fifth.

    Args:
        features_TD: features of unit length.
        left_P: row of the first template of each pair.
        right_P: row of the second template of each pair.

    Returns:
        Scores (P,) in the order of the pairs.
    """
    table = _Table.of_pairs(len(features_TD), left_P, right_P)
    rows_RD, columns_CD = (_rows(features_TD, used) for used in (table.rows, table.columns))
    height = max(1, _CELLS // max(1, len(columns_CD)))
    # Numbers of 16 bits are sorted by their digits, several times faster than longer ones.
    strip_P = (table.row_P // height).astype(np.min_scalar_type(len(rows_RD)))
    order_P = np.argsort(strip_P, kind="stable")
    ends = np.bincount(strip_P).cumsum().tolist()
    scores_P = np.empty(len(left_P), dtype=features_TD.dtype)
    for strip, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        pairs = order_P[start:end]
        if len(pairs):
            top = strip * height
            scores_P[pairs] = _strip_scores(
                rows_RD[top : top + height], columns_CD, table.row_P[pairs] - top, table.column_P[pairs]
            )
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


def _share_of_medium(template_N: NDArray[np.int64], media_N: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weight of each image in the mean of the photo or video that it is from, within its template."""
    pairs = np.stack((template_N, media_N), axis=1)
    _, medium_N, num_images = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return 1.0 / num_images[medium_N.reshape(-1)]


def _add_rows(sums_TD: NDArray[np.float64], place_N: NDArray[np.int64], features_ND: NDArray[np.float64]) -> None:
    """Add each image's features to the sum in its template's place."""
    order_N = np.argsort(place_N, kind="stable")
    places, starts = np.unique(place_N[order_N], return_index=True)
    sums_TD[places] += np.add.reduceat(features_ND[order_N], starts, axis=0)


@dataclass(frozen=True, eq=False)
class _Table:
    """Where the pairs stand in a table of cosines that has no row and no column in vain.

    Attributes:
        rows: template of each row.
        columns: template of each column.
        row_P: row of each pair.
        column_P: column of each pair.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    row_P: NDArray[np.int32]
    column_P: NDArray[np.int32]

    @classmethod
    def of_pairs(
        cls, num_templates: int, left_P: NDArray[np.integer[Any]], right_P: NDArray[np.integer[Any]]
    ) -> "_Table":
        """The table of the left templates and the right ones; or, if that is smaller, half of the table of all."""
        left, right = (np.flatnonzero(np.bincount(side, minlength=num_templates)) for side in (left_P, right_P))
        if 2 * len(left) * len(right) > num_templates**2:
            # A cosine does not change if its two templates do: strips begin at the diagonal.
            left_P, right_P = np.minimum(left_P, right_P), np.maximum(left_P, right_P)
            left = right = np.arange(num_templates)
        return cls(left, right, _places(left, num_templates)[left_P], _places(right, num_templates)[right_P])


def _places(templates: NDArray[np.intp], num_templates: int) -> NDArray[np.int32]:
    """Position of each template among those that are used."""
    places = np.empty(num_templates, dtype=np.int32)
    places[templates] = np.arange(len(templates), dtype=np.int32)
    return places


def _rows(features_TD: NDArray[Any], used: NDArray[np.intp]) -> NDArray[Any]:
    """The rows that are used: not copied if all are."""
    return features_TD if len(used) == len(features_TD) else features_TD[used]


def _strip_scores(
    rows_RD: NDArray[Any], columns_CD: NDArray[Any], row_P: NDArray[Any], column_P: NDArray[Any]
) -> NDArray[Any]:
    """Scores of pairs within one strip; of few pairs without the others of the strip."""
    first, last = int(column_P.min()), int(column_P.max()) + 1
    if len(row_P) * _CELLS_PER_PAIR < len(rows_RD) * (last - first):
        parts = np.array_split(np.arange(len(row_P)), -(-len(row_P) // _GATHERED))
        return np.concatenate(
            [np.einsum("pd,pd->p", rows_RD[row_P[part]], columns_CD[column_P[part]]) for part in parts]
        )
    table_RC = rows_RD @ columns_CD[first:last].T
    return table_RC.ravel()[row_P * (last - first) + (column_P - first)]


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
