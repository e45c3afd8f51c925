"""Covered parts of the face."""

import torch
from augmented import IMAGES, change, change_by, operation

from femb_cli.data.images.augmentation import Draws
from femb_cli.data.images.augmentation.colour import MID_GREY


def test_one_rectangle_is_filled_with_mid_grey():
    images = change("erase", torch.full((300, 3, 40, 40), 255.0))
    erased = images[:, 0] == MID_GREY
    assert torch.equal(images == MID_GREY, erased[:, None].expand(-1, 3, -1, -1))
    heights, widths = erased.any(2).sum(1), erased.any(1).sum(1)
    assert torch.equal(erased.flatten(1).sum(1), heights * widths)
    assert max(heights.max(), widths.max()) <= 0.4 * 40 + 1


def test_a_colour_fills_its_rectangle_and_nothing_else():
    changed = change_by("erase", IMAGES[:1], [[0.5, 0.25]], [[0.5, 0.25]], [[10.0, 20.0, 30.0]])[0]
    expected = IMAGES[0].clone()
    expected[:, 7:18, 4:9] = torch.tensor([10.0, 20.0, 30.0])[:, None, None]
    torch.testing.assert_close(changed, expected)


def test_colours_are_drawn_for_each_image():
    assert len(operation("erase", fill="colour").draw(Draws(0), 10, 24)[2].unique(dim=0)) == 10


def test_a_band_covers_the_eyes_or_the_mouth_over_the_whole_width():
    images = change("occlusion", torch.full((100, 3, 112, 112), -1.0))
    covered = images[:, 0] >= 0
    assert torch.equal(covered.any(2), covered.all(2))
    middles = (covered.any(2) * torch.arange(112)).sum(1) / covered.any(2).sum(1)
    eyes = (middles - 51.6).abs() < 1
    mouth = (middles > 88) & (middles < 97)  # a band over the mouth may end below the image
    assert (eyes | mouth).all()
    assert 30 < eyes.sum() < 70
