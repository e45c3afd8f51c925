"""Choose among the faces of a photo."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from femb_cli.faces.face import Face

Choice = Literal["largest", "center", "all"]


def choose_faces(faces: Sequence[Face], choice: Choice, *, width: int, height: int) -> list[Face]:
    """Return the faces that `choice` asks for; none of none.

    Args:
        faces: the faces of a photo.
        choice: `largest` is the face with the largest box. `center` is the one whose landmarks lie nearest to the
            photo's middle, on the mean; boxes of touching faces are too vague for that. `all` is every face, the
            largest first.
        width: the photo's width in pixels.
        height: the photo's height in pixels.
    """
    by_size = sorted(faces, key=lambda face: face.area, reverse=True)
    if choice == "all":
        return by_size
    if choice == "largest":
        return by_size[:1]
    middle = (np.array([width, height]) - 1) / 2

    def distance_to_middle(face: Face) -> float:
        return float(np.linalg.norm(face.landmarks.mean(axis=0) - middle))

    return sorted(by_size, key=distance_to_middle)[:1]
