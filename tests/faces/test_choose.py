"""Which faces of a photo are taken."""

import numpy as np
import pytest

from femb_cli.faces import Face, choose_faces


def face(left, top, side):
    box = np.array([left, top, left + side, top + side], dtype=float)
    return Face(box, np.tile((box[:2] + box[2:]) / 2, (5, 1)), score=1.0)


SMALL_IN_THE_MIDDLE, LARGE_AT_THE_EDGE, MEDIUM = face(45, 45, 10), face(0, 60, 40), face(70, 0, 20)
FACES = [SMALL_IN_THE_MIDDLE, LARGE_AT_THE_EDGE, MEDIUM]


@pytest.mark.parametrize(
    "choice, chosen",
    [
        ("largest", [LARGE_AT_THE_EDGE]),
        ("center", [SMALL_IN_THE_MIDDLE]),
        ("all", [LARGE_AT_THE_EDGE, MEDIUM, SMALL_IN_THE_MIDDLE]),
    ],
)
def test_the_choice_decides(choice, chosen):
    assert choose_faces(FACES, choice, width=100, height=100) == chosen
    assert choose_faces([], choice, width=100, height=100) == []


def test_the_middle_is_that_of_the_photo():
    assert choose_faces(FACES, "center", width=160, height=20) == [MEDIUM]
