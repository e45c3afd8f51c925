"""Recompressed images."""

import io

import numpy as np
import torch
import torchvision.transforms.v2.functional as F
from augmented import BYTES, IMAGES, change, change_by, operation
from PIL import Image

from femb_cli.data.images.augmentation import Draws


def test_each_image_is_compressed_as_pillow_compresses_it_alone():
    qualities = [10, 30, 60]
    smooth = F.gaussian_blur(BYTES[:3], [9, 9], [2.0, 2.0])
    changed = change_by("jpeg", smooth, qualities)
    for image, ours, quality in zip(smooth, changed, qualities, strict=False):
        file = io.BytesIO()
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        theirs = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
        # The encoders round differently, so that a few coefficients are quantised to the next step.
        assert (ours.float() - theirs.float()).abs().mean() < 0.6 * (image.float() - theirs.float()).abs().mean()


def test_a_better_quality_is_closer_to_the_image():
    errors = [(change("jpeg", quality=[quality, quality]) - IMAGES).abs().mean() for quality in (10, 50, 95)]
    assert errors == sorted(errors, reverse=True)


def test_every_quality_of_the_range_is_drawn():
    assert operation("jpeg", quality=[30, 35]).draw(Draws(0), 200, 24)[0].unique().tolist() == list(range(30, 36))


def test_values_beyond_the_range_are_clamped_before():
    torch.testing.assert_close(change("jpeg", 3 * IMAGES - 200), change("jpeg", (3 * IMAGES - 200).clamp(0, 255)))
