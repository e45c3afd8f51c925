"""MTCNN's last stage: O-Net decides about boxes and outputs the landmarks.

Zhang, Zhang, Li, Qiao: Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks, 2016,
https://arxiv.org/abs/1604.02878, section II A. It differs from the authors' code where measurements on LFW were better:

- O-Net looks twice, the second time at the box that it output the first time;
- nothing is subtracted from the landmarks, where the authors' code subtracts the 1 of Matlab's indices;
- O-Net can look once more, at a square that is turned until the face is upright. It was trained on upright faces.

Shapes: N faces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from femb_cli.faces.align import similarity_transform
from femb_cli.faces.detection.boxes import suppress
from femb_cli.faces.detection.picture import Picture, Squares, look_at
from femb_cli.faces.detection.weights import load_onet

_SCORES = (0.6, 0.8)
"""What a box needs at O-Net's first and second look."""

_OVERLAP = 0.7
"""Of the smaller box: a box inside another one is of the same face."""

_SHIFT = 0.0055
"""Added to the landmarks' x and y, in sides of the square: half a pixel of a face of 90 pixels.

O-Net's landmarks are unbiased from the outer corner of the first pixel: mirrored and resized photos agree on that. But
MTCNN's users take them for coordinates where that pixel's centre is (0, 0), and the crops that networks are trained on
carry this shift. femb keeps it, relative to the face, so that a photo of any resolution gives the same crop. With it
the landmarks are 1.14 px from the given crops of LFW, and d' is 6.65; without it 1.4 px and 6.52.
"""

_SLANT = np.deg2rad(15)
"""A face that is turned by more is looked at upright twice, because its first landmarks are too far off."""


@dataclass(frozen=True)
class Detections:
    """The faces of a picture, in its pixels, where (0, 0) is the outer corner of the first.

    Attributes:
        squares: what O-Net should look at next.
        boxes_N4: left, top, right and bottom edge.
        landmarks_N52: x and y, in the order of `Face.landmarks`.
        scores_N: O-Net's probability.
    """

    squares: Squares
    boxes_N4: NDArray[np.float64]
    landmarks_N52: NDArray[np.float64]
    scores_N: NDArray[np.float64]

    def __getitem__(self, index: NDArray[np.intp]) -> "Detections":
        return Detections(self.squares[index], self.boxes_N4[index], self.landmarks_N52[index], self.scores_N[index])


class LandmarkStage:
    """O-Net: boxes that may hold faces to faces with landmarks.

    Args:
        device: where the network computes; the pictures are expected there.

    Raises:
        FembError: the package `mtcnn` is missing or of another version.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.onet = load_onet().to(device)

    def find(self, pictures: Sequence[Picture], boxes: Sequence[NDArray[np.float64]]) -> list[Detections]:
        """Return the faces among each picture's boxes (N, 4)."""
        squares = [Squares.around(boxes_N4) for boxes_N4 in boxes]
        for least in _SCORES:
            found = [seen[np.flatnonzero(seen.scores_N >= least)] for seen in self._look(pictures, squares)]
            squares = [of_picture.squares for of_picture in found]
        return [seen[suppress(seen.boxes_N4, seen.scores_N, _OVERLAP, "smaller")] for seen in found]

    def look_upright(self, pictures: Sequence[Picture], found: Sequence[Detections]) -> list[NDArray[np.float64]]:
        """Return better landmarks (N, 5, 2) of each picture's faces, from squares turned until the face is upright."""
        squares = [_turned_upright(faces.squares, faces.landmarks_N52) for faces in found]
        seen = self._look(pictures, squares)
        slanted = [np.flatnonzero(np.abs(of_picture.angles_N) > _SLANT) for of_picture in squares]
        if any(map(len, slanted)):
            chosen = [faces[index] for faces, index in zip(seen, slanted, strict=True)]
            again = [_turned_upright(faces.squares, faces.landmarks_N52) for faces in chosen]
            for faces, index, better in zip(seen, slanted, self._look(pictures, again), strict=True):
                faces.landmarks_N52[index] = better.landmarks_N52
        return [faces.landmarks_N52 for faces in seen]

    def _look(self, pictures: Sequence[Picture], squares: Sequence[Squares]) -> list[Detections]:
        """Run O-Net on squares of pictures."""
        outputs = look_at(self.onet, pictures, squares)
        return [_to_picture(of_picture, *output) for of_picture, output in zip(squares, outputs, strict=True)]


def _to_picture(
    squares: Squares,
    scores_N: NDArray[np.float64],
    offsets_N4: NDArray[np.float64],
    landmarks_N52: NDArray[np.float64],
) -> Detections:
    """Map O-Net's outputs from the squares to their picture."""
    lower_N2, upper_N2 = offsets_N4[:, :2], 1 + offsets_N4[:, 2:]
    middles_N2 = squares.to_picture((lower_N2 + upper_N2)[:, None] / 2)[:, 0]
    sizes_N2 = (upper_N2 - lower_N2) * squares.sides_N[:, None]
    return Detections(
        squares=Squares(middles_N2, sizes_N2.max(axis=1, initial=0), squares.angles_N),
        boxes_N4=np.concatenate([middles_N2 - sizes_N2 / 2, middles_N2 + sizes_N2 / 2], axis=1),
        landmarks_N52=squares.to_picture(landmarks_N52 + _SHIFT),
        scores_N=scores_N,
    )


def _turned_upright(squares: Squares, landmarks_N52: NDArray[np.float64]) -> Squares:
    """Turn squares as far as their faces' landmarks are turned against the template."""
    matrices_N23 = similarity_transform(landmarks_N52)
    return Squares(squares.middles_N2, squares.sides_N, -np.arctan2(matrices_N23[:, 1, 0], matrices_N23[:, 0, 0]))
