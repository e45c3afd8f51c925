"""A face that was found in a photo, and the coordinates of its box and landmarks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FACE_VALUES = 15
"""Numbers of a face: its box, its landmarks and its score."""


@dataclass(frozen=True, eq=False, repr=False)
class Face:
    """A face in a photo, in pixels of the full-size upright photo: x to the right, y down.

    Attributes:
        box: left, top, right and bottom edge, float64, (4,). (0, 0, width, height) is the whole photo; a box may reach
            beyond it.
        landmarks: x and y of the left eye, the right eye (as seen in the photo), the nose, and the left and the right
            corner of the mouth, float64, (5, 2). The centre of the first pixel is (0, 0), as in OpenCV and InsightFace.
        score: how sure the detector is that this is a face, from 0 to 1.
    """

    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    score: float

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown})"

    @property
    def _shown(self) -> str:
        """The box and the score as `repr` shows them."""
        return f"box={tuple(self.box.round().astype(int).tolist())}, score={self.score:.3f}"

    @property
    def values(self) -> NDArray[np.float64]:
        """Box, landmarks and score in one row, float64, (15,)."""
        return np.concatenate([self.box, self.landmarks.ravel(), [self.score]])

    @classmethod
    def from_values(cls, values_15: NDArray[np.float64]) -> "Face":
        """Return the face of a row of `values`."""
        return cls(values_15[:4], values_15[4:14].reshape(5, 2), float(values_15[14]))

    def scaled(self, scale_2: NDArray[np.float64]) -> "Face":
        """Return the face in the photo at another size; `scale_2` is what width and height are multiplied by."""
        return Face(self.box * np.tile(scale_2, 2), (self.landmarks + 0.5) * scale_2 - 0.5, self.score)

    @property
    def area(self) -> float:
        """Area of the box, in square pixels."""
        left, top, right, bottom = self.box.tolist()
        return (right - left) * (bottom - top)


@dataclass(frozen=True, eq=False)
class PhotoFaces:
    """The faces of one photo.

    Attributes:
        width: width of the full-size upright photo, in pixels.
        height: its height.
        faces: its faces, the highest score first.
    """

    width: int
    height: int
    faces: tuple[Face, ...]
