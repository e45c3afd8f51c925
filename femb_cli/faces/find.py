"""Find the faces in photos: make the photos small, detect, and turn a photo that lies on its side.

The networks see faces that are turned by less than about 45 degrees. Where they find none, or only poor ones, the photo
is tried at 90, 180 and 270 degrees as well.

Shapes: H x W pixels of a photo, N faces.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from femb_cli.faces.align import distance_to_template
from femb_cli.faces.detection.landmarks import Detections, LandmarkStage
from femb_cli.faces.detection.picture import Picture, shrink
from femb_cli.faces.face import Face

Proposer = Callable[[Sequence[Picture]], list[NDArray[np.float64]]]
"""Return the boxes (N, 4) of each picture that may hold a face: left, top, right and bottom edge."""

SHORT_SIDE = 384
"""Photos are shrunk to this shorter side for detection, in pixels."""

_GOOD_SCORE, _GOOD_DISTANCE = 0.98, 6.5
"""A photo is turned if no face has this score and at most this distance to the template, in pixels of a 112 crop."""

_DISTANCE_WEIGHT = 0.03
"""What a pixel of distance to the template counts in scores, where directions are compared."""


class FaceFinder:
    """Find the faces in photos.

    Args:
        propose: a detector's boxes.
        device: where the pictures are made small, cut and looked at.

    Raises:
        FembError: the package `mtcnn` is missing or of another version.
    """

    def __init__(self, propose: Proposer, device: torch.device | str = "cpu") -> None:
        self.propose, self.landmarks, self.device = propose, LandmarkStage(device), torch.device(device)

    @torch.inference_mode()
    def __call__(self, photos: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """Return the faces of each photo, the highest score first.

        Args:
            photos: uint8 RGB (H, W, 3) of any sizes, turned by their EXIF orientation (see `decode_photo`).
        """
        attempts = self._detect([self._shrink(photo_HW3) for photo_HW3 in photos], quarters=0)
        unsure = [index for index, attempt in enumerate(attempts) if not attempt.is_good]
        upright = [attempts[index].picture for index in unsure]
        for quarters in (1, 2, 3):
            turned = self._detect([picture.turned(quarters) for picture in upright], quarters)
            for index, attempt in zip(unsure, turned, strict=True):
                attempts[index] = max(attempts[index], attempt, key=lambda attempt: attempt.quality)
        # Only now, because O-Net also likes a face that is upside down once it sees it upright.
        pictures, found = [attempt.picture for attempt in attempts], [attempt.faces for attempt in attempts]
        landmarks = self.landmarks.look_upright(pictures, found) if photos else []
        return [
            _to_photo(attempt, landmarks_N52, photo_HW3.shape)
            for attempt, landmarks_N52, photo_HW3 in zip(attempts, landmarks, photos, strict=True)
        ]

    def _detect(self, pictures: Sequence[Picture], quarters: int) -> list["_Attempt"]:
        if not pictures:
            return []
        found = self.landmarks.find(pictures, self.propose(pictures))
        return [_Attempt(picture, quarters, faces) for picture, faces in zip(pictures, found, strict=True)]

    def _shrink(self, photo_HW3: NDArray[np.uint8]) -> Picture:
        """Return the picture in which a photo's faces are looked for."""
        # torch warns about arrays that cannot be written to.
        pixels_HW3 = torch.from_numpy(np.require(photo_HW3, requirements=["C", "W"])).to(self.device)
        height, width = photo_HW3.shape[:2]
        scale = min(SHORT_SIDE / min(height, width), 1.0)
        small_13HW = shrink(pixels_HW3.permute(2, 0, 1)[None], round(height * scale), round(width * scale))
        return Picture(small_13HW[0].permute(1, 2, 0))


@dataclass(frozen=True)
class _Attempt:
    """What was found in a picture that was turned counter-clockwise by quarters of a circle."""

    picture: Picture
    quarters: int
    faces: Detections

    @property
    def is_good(self) -> bool:
        """Whether there is a face beyond doubt, so that no other direction needs a try."""
        return bool(((self.faces.scores_N >= _GOOD_SCORE) & (self._distances_N <= _GOOD_DISTANCE)).any())

    @property
    def quality(self) -> float:
        """How good the best face is, to be compared with other directions of the same picture."""
        return float((self.faces.scores_N - _DISTANCE_WEIGHT * self._distances_N).max(initial=-np.inf))

    @property
    def _distances_N(self) -> NDArray[np.float64]:
        return distance_to_template(self.faces.landmarks_N52)


def _to_photo(attempt: _Attempt, landmarks_N52: NDArray[np.float64], shape: tuple[int, ...]) -> list[Face]:
    """Map faces from a shrunken and turned picture to its photo (H, W, 3)."""
    corners_N22 = _turn_back(attempt, attempt.faces.boxes_N4.reshape(-1, 2, 2))
    landmarks_N52 = _turn_back(attempt, landmarks_N52)
    height, width = (attempt.picture.height, attempt.picture.width)[:: -1 if attempt.quarters % 2 else 1]
    scale_2 = np.array([shape[1] / width, shape[0] / height])
    boxes_N4 = np.concatenate([corners_N22.min(axis=1), corners_N22.max(axis=1)], axis=1) * np.tile(scale_2, 2)
    faces = zip(boxes_N4, landmarks_N52 * scale_2 - 0.5, attempt.faces.scores_N.tolist(), strict=True)
    return [Face(box_4, landmarks_52, score) for box_4, landmarks_52, score in faces]


def _turn_back(attempt: _Attempt, points_NP2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map points of a turned picture to the picture before it was turned, both seen from their upper left corners."""
    x, y = points_NP2[..., 0], points_NP2[..., 1]
    width, height = attempt.picture.width, attempt.picture.height
    by_quarters = ((x, y), (height - y, x), (width - x, height - y), (y, width - x))
    return np.stack(by_quarters[attempt.quarters], axis=-1)
