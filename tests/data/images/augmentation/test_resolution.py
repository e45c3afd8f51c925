"""Images scaled down and up again."""

import numpy as np
import torch
from augmented import IMAGES, change, change_by, operation
from PIL import Image

from femb_cli.data.images.augmentation import Draws


def test_each_image_is_scaled_as_pillow_scales_it_alone():
    changed = change_by("low_resolution", IMAGES[:3], [12, 9, 5])
    for image, ours, small in zip(IMAGES, changed, (12, 9, 5), strict=False):
        for channel in range(3):
            low = Image.fromarray(image[channel].numpy()).resize((small, small), Image.Resampling.BILINEAR)
            theirs = low.resize((24, 24), Image.Resampling.BILINEAR)
            torch.testing.assert_close(ours[channel], torch.from_numpy(np.array(theirs)), rtol=1e-3, atol=0.01)


def test_low_resolution_loses_detail_and_draws_every_size():
    assert change("low_resolution").std() < 0.7 * IMAGES.std()
    sizes = operation("low_resolution").draw(Draws(0), 500, 24)[0]
    assert sizes.unique().tolist() == [6, 7, 8, 9, 10, 11, 12]


def test_nearest_repeats_single_pixels_and_area_their_mean():
    settings = {"interpolations": ["nearest", "area", "bicubic"]}
    changed = change_by("downscale", IMAGES[:3], [12, 12, 12], [[0, 0], [1, 0], [2, 2]], **settings)
    repeated = IMAGES[0, :, ::2, ::2].repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.equal(changed[0], repeated)
    blocks = IMAGES[1].reshape(3, 12, 2, 12, 2).mean((2, 4))
    torch.testing.assert_close(changed[1], blocks.repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_downscale_draws_sizes_and_interpolations_evenly():
    small, modes = operation("downscale").draw(Draws(0), 1000, 100)
    assert 20 <= small.min() < 22
    assert 97 < small.max() <= 100
    assert modes.flatten().bincount().min() > 420


def test_the_smallest_image_has_one_pixel():
    assert operation("downscale", ratio=[0.001, 0.001]).draw(Draws(0), 1, 24)[0].item() == 1
    assert operation("low_resolution", factor=[2000, 2000]).draw(Draws(0), 1, 24)[0].item() == 1
