"""MTCNN's first two stages: P-Net scans a picture at several scales, R-Net sorts out what it proposes.

Zhang, Zhang, Li, Qiao: Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks, 2016,
https://arxiv.org/abs/1604.02878, section II A. It differs from the authors' code where measurements on LFW were better:
R-Net's suppression at 0.5 instead of 0.7 separates two faces whose cheeks touch.

Shapes: N boxes, left, top, right, bottom edge each; h x w squares of P-Net.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.faces.detection.boxes import suppress
from femb_cli.faces.detection.picture import Picture, Squares, look_at, normalise
from femb_cli.faces.detection.weights import load_pnet, load_rnet

SMALLEST_FACE = 1 / 10
"""Side of the smallest face that is looked for, relative to the picture's shorter side."""

SCALE_FACTOR = 0.6
"""From one scale to the next. The authors' 0.709 finds nothing more and takes a quarter longer."""

FEW_PROPOSALS = 16
"""Boxes of a picture that R-Net looks at, the best ones of P-Net."""

GROUP_FACES = 4
"""Where R-Net finds so many faces among them, the picture shows a group, and R-Net looks at all boxes."""

_MAX_CANDIDATES = 1000
"""Squares of a scale that are compared with each other, which takes memory in proportion to their number squared."""

_PNET_SCORE, _RNET_SCORE = 0.6, 0.7
_SAME_SCALE, _ALL_SCALES, _RNET_OVERLAP = 0.5, 0.7, 0.5


class Cascade:
    """P-Net and R-Net: pictures to boxes that probably hold faces.

    Args:
        device: where the networks compute; the pictures are expected there.

    Raises:
        FembError: the package `mtcnn` is missing or of another version.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.pnet, self.rnet = load_pnet().to(device), load_rnet().to(device)

    def __call__(self, pictures: Sequence[Picture]) -> list[NDArray[np.float64]]:
        """Return the boxes of each picture, (N, 4)."""
        proposals = self._scan_all(pictures)
        found = self._refine(pictures, [boxes_N4[:FEW_PROPOSALS] for boxes_N4 in proposals])
        groups = [index for index, boxes_N4 in enumerate(found) if len(boxes_N4) >= GROUP_FACES]
        if groups:
            of_groups = self._refine([pictures[index] for index in groups], [proposals[index] for index in groups])
            for index, boxes_N4 in zip(groups, of_groups, strict=True):
                found[index] = boxes_N4
        return found

    def _scan_all(self, pictures: Sequence[Picture]) -> list[NDArray[np.float64]]:
        """Return the boxes that P-Net proposes for each picture, (N, 4), the highest score first.

        Pictures of one size are scanned together: the network is so small that most of a call's time is overhead.
        """
        by_size: dict[tuple[int, int], list[int]] = {}
        for index, picture in enumerate(pictures):
            by_size.setdefault((picture.height, picture.width), []).append(index)
        proposals = [np.empty((0, 4))] * len(pictures)
        for indices in by_size.values():
            for index, boxes_N4 in zip(indices, self._scan([pictures[index] for index in indices]), strict=True):
                proposals[index] = boxes_N4
        return proposals

    def _scan(self, pictures: Sequence[Picture]) -> list[NDArray[np.float64]]:
        """Return the boxes that P-Net proposes for each of several pictures of one size."""
        height, width = pictures[0].height, pictures[0].width
        shorter = min(height, width)
        scale = min(self.pnet.input_size / (SMALLEST_FACE * shorter), 1.0)
        found: list[list[tuple[NDArray[np.float64], NDArray[np.float64]]]] = [[] for _ in pictures]
        while round(scale * shorter) >= self.pnet.input_size:
            level_B3HW = torch.cat([picture.scaled(scale) for picture in pictures])
            to_picture_4 = np.tile((width / level_B3HW.shape[3], height / level_B3HW.shape[2]), 2)
            for of_picture, (boxes_N4, scores_N) in zip(found, self._propose(level_B3HW), strict=True):
                of_picture.append((boxes_N4 * to_picture_4, scores_N))
            scale *= SCALE_FACTOR
        return [_without_doubles(of_picture) for of_picture in found]

    def _propose(self, level_B3HW: Tensor) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return the boxes (N, 4) and scores (N,) of each picture at one scale, in the scale's own pixels."""
        scores_Bhw, offsets_B4hw = (output.double().numpy(force=True) for output in self.pnet(normalise(level_B3HW)))
        return [self._boxes(*of_picture) for of_picture in zip(scores_Bhw, offsets_B4hw, strict=True)]

    def _boxes(
        self, scores_hw: NDArray[np.float64], offsets_4hw: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the boxes (N, 4) and scores (N,) of the squares of one scale that may hold a face."""
        rows_N, columns_N = np.nonzero(scores_hw >= _PNET_SCORE)
        if len(rows_N) > _MAX_CANDIDATES:
            least = np.sort(scores_hw, axis=None)[-_MAX_CANDIDATES]
            rows_N, columns_N = np.nonzero(scores_hw >= least)
        scores_N, offsets_N4 = scores_hw[rows_N, columns_N], offsets_4hw[:, rows_N, columns_N].T
        corners_N2 = np.stack([columns_N, rows_N], axis=1) * float(self.pnet.stride)
        squares_N4 = np.concatenate([corners_N2, corners_N2 + self.pnet.input_size], axis=1)
        # The squares are compared before they are moved, as when the thresholds were chosen.
        kept = suppress(squares_N4, scores_N, _SAME_SCALE)
        return (squares_N4 + offsets_N4 * self.pnet.input_size)[kept], scores_N[kept]

    def _refine(
        self, pictures: Sequence[Picture], proposals: Sequence[NDArray[np.float64]]
    ) -> list[NDArray[np.float64]]:
        """Return the boxes (N, 4) that R-Net takes for faces among each picture's boxes."""
        squares = [Squares.around(boxes_N4) for boxes_N4 in proposals]
        outputs = look_at(self.rnet, pictures, squares)
        return [_faces(of_picture, *output) for of_picture, output in zip(squares, outputs, strict=True)]


def _without_doubles(found: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """Return the boxes (N, 4) of all scales of a picture that do not overlap a better one, the highest score first."""
    boxes_N4 = np.concatenate([np.empty((0, 4)), *(boxes_N4 for boxes_N4, _ in found)])
    scores_N = np.concatenate([np.empty(0), *(scores_N for _, scores_N in found)])
    return boxes_N4[suppress(boxes_N4, scores_N, _ALL_SCALES)]


def _faces(squares: Squares, scores_N: NDArray[np.float64], offsets_N4: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the boxes that R-Net takes for faces, one for each face."""
    boxes_N4 = squares.boxes_N4 + offsets_N4 * squares.sides_N[:, None]
    kept = np.flatnonzero(scores_N >= _RNET_SCORE)
    kept = kept[suppress(boxes_N4[kept], scores_N[kept], _RNET_OVERLAP)]
    return boxes_N4[kept]
