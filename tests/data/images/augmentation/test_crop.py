"""A rectangle of the image on black."""

import torch
import torchvision.transforms.v2 as v2
import torchvision.transforms.v2.functional as F
from augmented import BYTES, change_by, operation

from femb_cli.data.images.augmentation import Draws


def test_pixels_inside_are_equal_and_outside_black():
    rectangles = [[0, 0, 24, 24], [3, 5, 10, 12], [23, 0, 1, 24]]
    changed = change_by("random_crop", BYTES[:3], rectangles)
    for image, ours, (top, left, height, width) in zip(BYTES, changed, rectangles, strict=False):
        right, bottom = 24 - left - width, 24 - top - height
        theirs = F.pad(F.crop(image, top, left, height, width), [left, top, right, bottom])
        assert torch.equal(ours, theirs)


def test_rectangles_are_distributed_as_torchvisions():
    torch.manual_seed(0)
    transform, images = v2.RandomResizedCrop(24, scale=(0.2, 1.0)), BYTES[:1]
    drawn = [transform.make_params([images]) for _ in range(2000)]
    theirs = torch.tensor([[one[key] for key in ("top", "left", "height", "width")] for one in drawn]).float()
    ours = operation("random_crop").draw(Draws(0), 2000, 24)[0].float()
    torch.testing.assert_close(ours.mean(0), theirs.mean(0), rtol=0, atol=0.5)
    torch.testing.assert_close(ours.std(0), theirs.std(0), rtol=0, atol=0.4)
    assert (ours[:, :2] + ours[:, 2:]).max() == 24


def test_where_no_attempt_fits_the_whole_image_stays():
    rectangle = operation("random_crop", scale=[1, 1], aspect=[1.5, 2]).draw(Draws(0), 3, 24)[0]
    assert rectangle.tolist() == [[0, 0, 24, 24]] * 3
