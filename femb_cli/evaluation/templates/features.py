"""Features of images and templates, as on IJB-B and IJB-C: a template is several images and video frames of a person.

Sources:
    C. Whitelam et al., "IARPA Janus Benchmark-B Face Dataset", CVPR Workshops 2017.
    B. Maze et al., "IARPA Janus Benchmark - C: Face Dataset and Protocol", ICB 2018.
    deepinsight/insightface, recognition/arcface_torch/eval_ijbc.py, `image2template_feature`.

Shape suffixes: N images, R rows of embeddings, D embedding dimension, T templates, P pairs of templates.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.checks import check_embeddings
from femb_cli.evaluation.templates.mode import TemplateMode

_IMAGES_AT_A_TIME = 8192

MOST_TEMPLATE_NUMBER = 2**26
"""The rows of templates are found in a table by number, which is 268 MB then; IJB-C's numbers have six digits."""


def image_features(
    embeddings_ND: ArrayLike, faceness_N: NDArray[np.float32], mode: TemplateMode, *, first: int = 0
) -> NDArray[np.float64]:
    """Weight the embeddings of images as the mode says.

    Args:
        embeddings_ND: raw embeddings, (N, D); if the mode has a flip, (N, 2 D): the image's embedding, then that of its
            mirror image.
        faceness_N: the detector's confidence in each face.
        mode: how to weight them.
        first: number of the first image, for errors.

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
                hint="a mode without F, such as N1D1, is for rows of one embedding",
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
    """Sum the features of each template; the images of one photo or video count as their mean.

    Images are read a few thousand at a time, so that the embeddings need not fit into memory.

    Args:
        embeddings_RD: raw embeddings as for `image_features`, in any order; may be a memory map.
        row_N: row of each image among them.
        faceness_N: the detector's confidence in each face.
        template_N: template of each image.
        media_N: photo or video of each image.
        mode: how to weight the images.

    Returns:
        Numbers of the templates (T,), ascending, and their features (T, D) of unit length.

    Raises:
        FembError: as `image_features`, or if the features of a template sum up to zero.
    """
    templates_T, place_N = np.unique(template_N, return_inverse=True)
    weight_N = _weights_in_media(place_N, media_N)
    halves = 1 if mode.flip is None else 2
    sums_TD = np.zeros((len(templates_T), embeddings_RD.shape[1] // halves))
    for start in range(0, len(row_N), _IMAGES_AT_A_TIME):
        some = slice(start, start + _IMAGES_AT_A_TIME)
        features_ND = image_features(embeddings_RD[row_N[some]], faceness_N[some], mode, first=start)
        _add_rows(sums_TD, place_N[some], features_ND * weight_N[some, None])
    lengths_T = np.linalg.norm(sums_TD, axis=1)
    if not (lengths_T > 0.0).all():
        raise FembError(f"the features of template {templates_T[np.argmin(lengths_T)]} sum up to zero")
    return templates_T, sums_TD / lengths_T[:, None]


def template_rows(templates_T: NDArray[np.int64], numbers_P: NDArray[np.int32]) -> NDArray[np.int32]:
    """Find the row of each template.

    Args:
        templates_T: numbers of the templates, ascending.
        numbers_P: number of one template of each pair.

    Raises:
        FembError: if a template has no image, or a number is negative or above `MOST_TEMPLATE_NUMBER`.
    """
    lowest = min(int(templates_T[0]), int(numbers_P.min(initial=0)))
    highest = max(int(templates_T[-1]), int(numbers_P.max(initial=0)))
    if lowest < 0 or highest > MOST_TEMPLATE_NUMBER:
        raise FembError(
            f"the lists number a template {lowest if lowest < 0 else highest}: expected 0 to {MOST_TEMPLATE_NUMBER}"
        )
    row_of_number = np.full(highest + 1, -1, dtype=np.int32)
    row_of_number[templates_T] = np.arange(len(templates_T), dtype=np.int32)
    rows_P = row_of_number[numbers_P]
    if rows_P.min(initial=0) < 0:
        pair = int(np.argmin(rows_P))
        raise FembError(f"pair {pair + 1} is of template {numbers_P[pair]}, which has no image")
    return rows_P


def _weights_in_media(template_N: NDArray[np.int64], media_N: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weight of each image in the mean of its photo or video within its template."""
    pairs = np.stack((template_N, media_N), axis=1)
    _, medium_N, num_images = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return 1.0 / num_images[medium_N.reshape(-1)]


def _add_rows(sums_TD: NDArray[np.float64], place_N: NDArray[np.int64], features_ND: NDArray[np.float64]) -> None:
    """Add the features of each image to the sum of its template."""
    order_N = np.argsort(place_N, kind="stable")
    places, starts = np.unique(place_N[order_N], return_index=True)
    sums_TD[places] += np.add.reduceat(features_ND[order_N], starts, axis=0)
