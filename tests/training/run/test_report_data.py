"""What a run stores for its report."""

import json

import numpy as np
import torch
from people import make_job, write_people
from PIL import Image

from femb_cli.training.loop import train
from femb_cli.training.run.report_data import save_augmented, save_magnitudes


def test_some_augmented_images_are_stored_as_one_picture(tmp_path):
    pixels_B3HW = torch.arange(20.0)[:, None, None, None].expand(20, 3, 16, 16) * 12
    save_augmented(tmp_path, pixels_B3HW)
    sheet = np.asarray(Image.open(tmp_path / "augmented.jpg"), dtype=int)
    assert sheet.shape == (32, 128, 3)
    centres = sheet[8::16, 8::16, 0].ravel()
    np.testing.assert_allclose(centres, 12 * np.arange(16), atol=4)


def test_the_histogram_holds_all_finite_magnitudes(tmp_path):
    save_magnitudes(tmp_path, 7, np.array([1.0, 2.0, 2.0, np.inf, np.nan], np.float32))
    stored = json.loads((tmp_path / "magnitudes.json").read_text())
    assert (stored["step"], sum(stored["counts"])) == (7, 3)
    assert (stored["edges"][0], stored["edges"][-1], len(stored["edges"])) == (1.0, 2.0, len(stored["counts"]) + 1)
    save_magnitudes(tmp_path / "nowhere", 7, np.zeros(0, np.float32))
    assert not (tmp_path / "nowhere").exists()


def test_a_training_stores_both(tmp_path):
    job = make_job(tmp_path / "run", write_people(tmp_path / "people"), log_every=2)
    train(job, [])
    assert Image.open(job.run / "augmented.jpg").size == (6 * 16, 16)
    stored = json.loads((job.run / "magnitudes.json").read_text())
    assert (stored["step"], sum(stored["counts"])) == (4, 12)  # two steps of six images
