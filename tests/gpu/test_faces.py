"""Faces found on a GPU are those found on the CPU."""

import numpy as np
import pytest
import torch
from chosen_device import DEVICE

from femb_cli.data.images.decode import decode_photo
from femb_cli.data.synthetic.faces import photograph
from femb_cli.faces import load_face_finder
from femb_cli.faces.detection.cascade import Cascade
from femb_cli.faces.detection.picture import Picture, Squares, look_at, shrink

pytestmark = pytest.mark.gpu


def test_pictures_are_shrunk_alike():
    pixels_13HW = torch.randint(0, 256, (1, 3, 90, 70), dtype=torch.uint8)
    expected, found = (shrink(pixels_13HW.to(device), 31, 24).cpu() for device in ("cpu", DEVICE))
    assert (expected.int() - found.int()).abs().max() <= 1


def test_squares_of_pictures_are_scored_alike():
    pixels_HW3 = torch.randint(0, 256, (96, 120, 3), dtype=torch.uint8)
    squares = Squares.around(np.array([[3.0, 5, 40, 50], [-10, -10, 100, 100], [60, 20, 72, 31]]))
    (expected,), (found,) = (
        look_at(Cascade(device).rnet, [Picture(pixels_HW3.to(device))], [squares]) for device in ("cpu", DEVICE)
    )
    for output, on_cpu in zip(found, expected, strict=True):
        np.testing.assert_allclose(output, on_cpu, rtol=0, atol=1e-2)


def test_faces_of_photos_are_found_alike():
    photos = [decode_photo(photograph(0, person, 0).jpeg, person) for person in range(20, 24)]
    expected, found = (load_face_finder(device=device)(photos) for device in ("cpu", DEVICE))
    for on_cpu, faces in zip(expected, found, strict=True):
        assert len(faces) == len(on_cpu) == 1
        np.testing.assert_allclose(faces[0].landmarks, on_cpu[0].landmarks, rtol=0, atol=0.3)
        assert faces[0].score == pytest.approx(on_cpu[0].score, abs=1e-2)
