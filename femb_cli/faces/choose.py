"""Choose among the faces of a photo."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from femb_cli.faces.face import Face

OneFace = Literal["main", "largest", "center"]
Choice = OneFace | Literal["all"]


def by_size(faces: Sequence[Face]) -> list[Face]:
    """Return the faces in the order in which they are numbered, from 1: the largest box first."""
    return sorted(faces, key=lambda face: face.area, reverse=True)


def choose_faces(faces: Sequence[Face], choice: Choice, *, width: int, height: int) -> list[Face]:
    """Return the faces that `choice` asks for; none of none.

    Args:
        faces: the faces of a photo.
        choice: `main` is the face that is large and near the middle: the area of its box, less twice the squared
            distance of its landmarks to the middle of the photo, is the largest; FaceNet's tools weigh alike. `largest`
            is the one with the largest box, which may be a bystander's. `center` is the one whose landmarks lie nearest
            to the middle. `all` is every face, the largest first.
        width: the photo's width in pixels.
        height: the photo's height in pixels.
    """
    ordered = by_size(faces)
    middle = (np.array([width, height]) - 1) / 2

    def distance(face: Face) -> float:
        # By the landmarks, because boxes of touching faces are too vague.
        return float(np.linalg.norm(face.landmarks.mean(axis=0) - middle))

    match choice:
        case "all":
            return ordered
        case "largest":
            return ordered[:1]
        case "center":
            return sorted(ordered, key=distance)[:1]
        case "main":
            return sorted(ordered, key=lambda face: face.area - 2 * distance(face) ** 2, reverse=True)[:1]
