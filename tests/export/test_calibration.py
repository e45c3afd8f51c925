"""Images that calibrate an 8-bit network."""

import pytest
from PIL import Image

from femb_cli.errors import FembError
from femb_cli.export.calibration import calibration_images


def test_images_are_spread_evenly_over_the_source(tmp_path, monkeypatch):
    monkeypatch.setattr("femb_cli.export.calibration.MOST_IMAGES", 3)
    for value in range(5):
        Image.new("RGB", (20, 20), (value, value, value)).save(tmp_path / f"{value}.png")
    images = calibration_images(tmp_path, 8)
    assert images.shape == (3, 8, 8, 3)
    assert images[:, 0, 0, 0].tolist() == [0, 2, 4]


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(FembError, match="no images"):
        calibration_images(tmp_path, 8)
