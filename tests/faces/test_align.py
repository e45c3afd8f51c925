"""Landmarks to aligned crops."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from femb_cli.errors import FembError
from femb_cli.faces.align import (
    align_faces,
    apply_transform,
    distance_to_template,
    similarity_transform,
    template,
    warp,
)


def turned(points, degrees, scale, shift):
    """Turn, scale and shift points (..., 2)."""
    angle = np.deg2rad(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ rotation.T * scale + shift


@pytest.fixture(scope="module")
def golden(shared):
    return np.load(shared / "golden/alignment/matrices.npz")


def test_transforms_agree_with_the_reference(golden):
    solvable = np.isfinite(golden["M"]).all(axis=(1, 2))
    assert solvable.sum() == 43
    landmarks, expected = golden["landmarks"][solvable], golden["M"][solvable]
    largest = np.maximum(1, np.abs(expected).max(axis=(1, 2), keepdims=True))
    matrices = similarity_transform(landmarks)
    assert (np.abs(matrices - expected) / largest).max() < 1e-9
    near = np.abs(landmarks).max(axis=(1, 2)) < 1e5
    np.testing.assert_allclose(apply_transform(matrices, landmarks)[near], golden["mapped"][solvable][near], atol=1e-7)
    np.testing.assert_allclose(distance_to_template(landmarks)[near], golden["rms"][solvable][near], atol=1e-7)


def test_the_unsolvable_case_of_the_reference_is_refused(golden):
    with pytest.raises(FembError, match="face 0 cannot be aligned"):
        similarity_transform(golden["landmarks"][~np.isfinite(golden["M"]).all(axis=(1, 2))])


@pytest.mark.parametrize("degrees, scale", [(0, 1), (30, 0.5), (-100, 7), (180, 0.01)])
def test_a_similarity_is_undone(degrees, scale):
    landmarks = turned(template(), degrees, scale, (300, -20))[None]
    np.testing.assert_allclose(apply_transform(similarity_transform(landmarks), landmarks)[0], template(), atol=1e-9)
    assert distance_to_template(landmarks)[0] < 1e-9


@pytest.mark.parametrize("value", [0.0, 3.3, 1e6, np.nan, np.inf])
def test_landmarks_without_a_transform_are_refused_by_number(value):
    landmarks = np.stack([template(), np.full((5, 2), value)])
    with pytest.raises(FembError, match="face 1"):
        similarity_transform(landmarks)


def test_no_landmarks_give_no_crops():
    for none in ([], np.empty((0, 5, 2))):
        assert align_faces(np.zeros((9, 9, 3), np.uint8), none).shape == (0, 112, 112, 3)


def test_larger_templates_are_those_of_insightface():
    np.testing.assert_allclose(template(224), 2 * template())
    np.testing.assert_allclose(template(128), template() + np.array([8, 0]))


def test_crops_agree_with_the_official_ones(shared):
    golden = np.load(shared / "golden/alignment/crops.npz")
    with zipfile.ZipFile(shared / "data/lfw_raw_250_sample.zip") as photos:
        for case in range(10):
            photo = np.asarray(Image.open(photos.open(str(golden[f"photo_{case}"]))).convert("RGB"))
            left, top, right, bottom = golden[f"roi_{case}"]
            crop = align_faces(photo[top:bottom, left:right], golden[f"landmarks_{case}"][None])[0]
            official = np.asarray(Image.open(io.BytesIO(golden[f"png_{case}"].tobytes())))
            assert np.abs(crop.astype(float) - official).mean() <= 0.2


@pytest.mark.parametrize("factor", [4, 4.4, 5, 6.6, 8, 20])
def test_a_fine_pattern_becomes_grey_and_not_moire(factor):
    side = round(112 * factor * 1.5)
    board = ((np.add.outer(np.arange(side), np.arange(side)) % 2) * 255).astype(np.uint8)
    landmarks = turned(template() - 56, 11, factor, side / 2)
    middle = align_faces(np.stack([board] * 3, axis=2), landmarks[None])[0, 28:84, 28:84].astype(float)
    assert abs(middle.mean() - 127.5) <= 2
    assert middle.std() <= 5


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
def test_reducing_does_not_move_the_face(factor):
    """A slope of brightness has at every pixel of the crop the value of its place in the photo."""
    columns = np.linspace(0, 250, 112 * factor)
    photo = np.broadcast_to(columns[None, :, None], (112 * factor, 112 * factor, 3)).round().astype(np.uint8)
    matrix = np.array([[1 / factor, 0, -(factor - 1) / 2 / factor], [0, 1 / factor, -(factor - 1) / 2 / factor]])
    crop = warp(photo, matrix)[56].mean(axis=-1)
    expected = columns.reshape(112, factor).mean(axis=1)
    off = crop[3:-3] - expected[3:-3]  # half a pixel would be 1.1
    assert abs(off.mean()) < 0.6 and abs(off).max() < 1.1


def test_beyond_the_photo_the_crop_is_black():
    white = np.full((60, 60, 3), 255, np.uint8)
    crop = align_faces(white, template()[None])[0]
    assert (crop[:59, :59] == 255).all()
    assert (crop[61:] == 0).all() and (crop[:, 61:] == 0).all()
    assert not align_faces(white, template()[None] + 1000).any()
