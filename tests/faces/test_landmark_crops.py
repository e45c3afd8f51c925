"""Faces that are cut out by stated landmarks."""

import io

import numpy as np
from PIL import Image

from femb_cli.data.images.decode import decode_image
from femb_cli.data.open import open_source
from femb_cli.faces.align import align_faces, template
from femb_cli.faces.landmark_crops import LandmarkCrops


def test_crops_are_those_that_the_same_landmarks_give_a_photo(tmp_path):
    photo_HW3 = np.random.default_rng(0).integers(0, 256, (150, 140, 3)).astype(np.uint8)
    for number in range(3):
        Image.fromarray(np.roll(photo_HW3, number, axis=1)).save(tmp_path / f"{number}.png")
    landmarks_N52 = np.stack([template() * 1.1 + 7, template() + 3]).astype(np.float32)
    source = open_source(tmp_path)
    crops = LandmarkCrops(source, np.array([2, 0]), landmarks_N52, stated_by="a list")
    assert list(crops.names) == ["2.png", "0.png"]
    for place, row in enumerate((2, 0)):
        expected_SS3 = align_faces(np.roll(photo_HW3, row, axis=1), [landmarks_N52[place]])[0]
        np.testing.assert_array_equal(decode_image(crops.read(place)), expected_SS3)
    assert Image.open(io.BytesIO(crops.read(0))).size == (112, 112)
    other = LandmarkCrops(source, np.array([2, 0]), landmarks_N52 + 1, stated_by="a list")
    assert crops.derivation != other.derivation
