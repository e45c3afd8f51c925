"""Align faces: map five landmarks to the ArcFace template and cut the face out of the photo.

The template and the transform are those of InsightFace's `norm_crop`, on whose crops nearly all published networks are
trained. Landmarks are in the order of `Face.landmarks`, and the centre of the first pixel is (0, 0), in the photo and
in the crop.

Shapes: N faces, S x S pixels of a crop, H x W pixels of a photo.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from femb_cli.data.images.decode import ALIGNED_SIZE
from femb_cli.errors import FembError

_TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)],
    dtype=np.float32,  # InsightFace holds the template in float32, and the crops of record follow from that
).astype(np.float64)

_SMALLEST_SPREAD = 1e-12
"""Landmarks that differ by less, relative to their coordinates, differ by rounding only."""


_LARGEST_CROP = 4 * ALIGNED_SIZE


def crop_size(input_size: int) -> int:
    """Return the height and width of crops for a network: 112 pixels, or a multiple for a network with a larger input.

    The network's preprocessing resizes crops to its input. So every network sees the same picture, also one whose input
    is a multiple of 128 pixels, for which `template` has another.

    Args:
        input_size: the network's input, in pixels.
    """
    return min(-(-input_size // ALIGNED_SIZE) * ALIGNED_SIZE, _LARGEST_CROP)


def template(size: int = ALIGNED_SIZE) -> NDArray[np.float64]:
    """Return the places of the five landmarks in a crop of `size` x `size` pixels, (5, 2).

    As in InsightFace, crops of 128 pixels and its multiples hold the face of 112 pixels with a margin of 8 pixels on
    both sides and 16 below. Every other size holds the same picture as 112 pixels.
    """
    if size % 128 == 0:
        return (_TEMPLATE + np.array([8.0, 0.0])) * (size / 128)
    return _TEMPLATE * (size / ALIGNED_SIZE)


def similarity_transform(landmarks_N52: ArrayLike, size: int = ALIGNED_SIZE) -> NDArray[np.float64]:
    """Return the similarity transforms that bring landmarks nearest to the template, in the sense of least squares.

    Umeyama: Least-Squares Estimation of Transformation Parameters Between Two Point Patterns, PAMI 13(4), 1991,
    equations 40 to 42, without reflection. In the plane they have a closed form in complex numbers: with the landmarks
    p and the template q, both less their mean, rotation and scale are multiplication by sum(conj(p) q) / sum(|p|^2).

    Args:
        landmarks_N52: x and y in the photo.
        size: S.

    Returns:
        Matrices (N, 2, 3), float64, from the photo's coordinates to the crop's.

    Raises:
        FembError: the five landmarks of a face coincide or are not finite, so that no transform exists.
    """
    exact_N52 = np.asarray(landmarks_N52, dtype=np.float64).reshape(-1, 5, 2)
    _check_landmarks(exact_N52)
    landmarks_N5, template_5 = _complex(exact_N52), _complex(template(size))
    middles_N1, middle = landmarks_N5.mean(axis=1, keepdims=True), template_5.mean()
    centred_N5, centred_5 = landmarks_N5 - middles_N1, template_5 - middle
    spreads_N = np.abs(centred_N5).max(axis=1)
    # Divided by the spread first, because the squares of tiny and of huge coordinates lose digits.
    unit_N5 = centred_N5 / spreads_N[:, None]
    turns_N = (unit_N5.conj() @ centred_5) / (np.abs(unit_N5) ** 2).sum(axis=1) / spreads_N
    shifts_N = middle - turns_N * middles_N1[:, 0]
    rows_N23 = [[turns_N.real, -turns_N.imag, shifts_N.real], [turns_N.imag, turns_N.real, shifts_N.imag]]
    return np.moveaxis(np.array(rows_N23), 2, 0)


def distance_to_template(landmarks_N52: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how far aligned landmarks are from the template, (N,): root mean square, in pixels of a 112 crop.

    Raises:
        FembError: see `similarity_transform`.
    """
    mapped_N52 = apply_transform(similarity_transform(landmarks_N52), landmarks_N52)
    return np.sqrt(((mapped_N52 - template()) ** 2).sum(axis=2).mean(axis=1))


def apply_transform(matrices_N23: NDArray[np.float64], points_NP2: NDArray[np.floating]) -> NDArray[np.float64]:
    """Map points by matrices (N, 2, 3); (N, P, 2) to (N, P, 2)."""
    return points_NP2 @ matrices_N23[:, :, :2].transpose(0, 2, 1) + matrices_N23[:, None, :, 2]


def align_faces(photo_HW3: NDArray[np.uint8], landmarks_N52: ArrayLike, size: int = ALIGNED_SIZE) -> NDArray[np.uint8]:
    """Cut faces out of a photo and align them: uint8 RGB (N, size, size, 3). What lies beyond the photo is black.

    Every crop is interpolated once, bilinearly, from the full-size photo. Where the crop has at most two thirds of the
    photo's resolution, the face's part of the photo is first reduced by a whole factor, with antialiasing.

    Args:
        photo_HW3: uint8 RGB.
        landmarks_N52: five landmarks of each face, an array or a list of arrays.
        size: S.

    Raises:
        FembError: see `similarity_transform`.
    """
    matrices_N23 = similarity_transform(landmarks_N52, size)
    crops = [warp(photo_HW3, matrix_23, size) for matrix_23 in matrices_N23]
    return np.stack(crops) if crops else np.empty((0, size, size, 3), np.uint8)


def warp(photo_HW3: NDArray[np.uint8], matrix_23: NDArray[np.float64], size: int = ALIGNED_SIZE) -> NDArray[np.uint8]:
    """Cut out the crop that a similarity transform describes, see `align_faces`.

    Args:
        photo_HW3: uint8 RGB.
        matrix_23: from the photo's coordinates to the crop's.
        size: S.
    """
    points_SS = _photo_points(matrix_23, size)
    scale = math.hypot(*matrix_23[:, 0])
    part_HW3, left, top = _part(photo_HW3, points_SS, margin=2 / scale)
    if part_HW3.size == 0:
        return np.zeros((size, size, 3), np.uint8)
    reduction = min(max(round(1 / scale), 1), *part_HW3.shape[:2])
    reduced_13HW = _reduce(torch.from_numpy(np.require(part_HW3, requirements="W")).permute(2, 0, 1)[None], reduction)
    # Seen from the part's upper left corner, because float32 has too few digits for large photos.
    corner = complex(left - 0.5, top - 0.5)
    edges_SS = (points_SS - corner) / reduction
    height, width = reduced_13HW.shape[2:]
    grid_1SS2 = torch.from_numpy(np.stack([edges_SS.real * (2 / width) - 1, edges_SS.imag * (2 / height) - 1], -1))
    crop_13SS = F.grid_sample(
        reduced_13HW.float(), grid_1SS2[None].float(), mode="bilinear", padding_mode="zeros", align_corners=False
    )
    return crop_13SS[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()


def _check_landmarks(landmarks_N52: NDArray[np.float64]) -> None:
    """Refuse landmarks that are not finite, or coincide but for rounding."""
    for index, landmarks_52 in enumerate(landmarks_N52):
        spread = np.ptp(landmarks_52, axis=0).max() if np.isfinite(landmarks_52).all() else np.nan
        if not spread > _SMALLEST_SPREAD * np.abs(landmarks_52).max():  # true for NaN
            raise FembError(
                f"the landmarks of face {index} cannot be aligned: {landmarks_52.tolist()}",
                hint="an alignment needs five finite points that do not coincide",
            )


def _photo_points(matrix_23: NDArray[np.float64], size: int) -> NDArray[np.complex128]:
    """Return where the centres of the crop's pixels lie in the photo, as complex numbers (S, S)."""
    turn, shift = complex(*matrix_23[:, 0]), complex(*matrix_23[:, 2])
    pixels_S = np.arange(size)
    return (pixels_S[None, :] + 1j * pixels_S[:, None] - shift) / turn


def _part(
    photo_HW3: NDArray[np.uint8], points_SS: NDArray[np.complex128], margin: float
) -> tuple[NDArray[np.uint8], int, int]:
    """Return the part of a photo that holds the points and `margin` pixels around them, and its left and top."""
    height, width = photo_HW3.shape[:2]
    corners = points_SS[[0, 0, -1, -1], [0, -1, 0, -1]]
    left, right = (math.floor(x) for x in np.clip(_span(corners.real, margin), 0, width))
    top, bottom = (math.floor(y) for y in np.clip(_span(corners.imag, margin), 0, height))
    return photo_HW3[top:bottom, left:right], left, top


def _span(values: NDArray[np.float64], margin: float) -> tuple[float, float]:
    return float(values.min()) - margin, float(values.max()) + margin + 1


def _reduce(images_13HW: Tensor, factor: int) -> Tensor:
    """Shrink uint8 images by a whole factor, with antialiasing; the rows and columns that are left over are dropped."""
    if factor == 1:
        return images_13HW
    height, width = (length // factor for length in images_13HW.shape[2:])
    whole = images_13HW[:, :, : height * factor, : width * factor]
    return F.interpolate(whole, size=(height, width), mode="bilinear", antialias=True)


def _complex(points_2: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Map points, x and y in the last axis, to x + iy."""
    return points_2[..., 0] + 1j * points_2[..., 1]
