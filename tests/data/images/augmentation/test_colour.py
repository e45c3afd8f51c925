"""Colours: light, contrast, saturation, hue and grey."""

import pytest
import torch
import torchvision.transforms.v2.functional as F
from augmented import IMAGES, change, change_by

from femb_cli.data.images.augmentation.colour import MID_GREY


def test_grey_images_are_torchvisions():
    theirs = F.rgb_to_grayscale(IMAGES / 255, num_output_channels=3) * 255
    torch.testing.assert_close(change("grey"), theirs, rtol=1e-3, atol=0.05)


def test_grey_with_equal_weights_is_the_mean():
    torch.testing.assert_close(change("grey", weights=[1, 1, 1]), IMAGES.mean(1, keepdim=True).expand(-1, 3, -1, -1))


def test_light_changes_mid_grey_by_at_most_the_strength_and_contrast_does_not():
    grey = torch.full((200, 3, 9, 9), MID_GREY)
    difference = (change("colour", grey, strength=0.2) - grey) / MID_GREY
    brightness, slope = difference[:, 0, :, 4], difference[:, 0, :, 8] - difference[:, 0, :, 4]
    for drawn in (brightness, slope):
        assert 0.18 < drawn.abs().max() <= 0.2 + 1e-6
        assert drawn.min() < -0.15 < 0.15 < drawn.max()


def test_contrast_is_a_factor_on_the_distance_to_mid_grey():
    changed = change_by("colour", IMAGES[:2], [0.0, 0.0], [0.0, 0.0], [0.8, 1.2], [1.0, 1.0])
    expected = MID_GREY + torch.tensor([0.8, 1.2])[:, None, None, None] * (IMAGES[:2] - MID_GREY)
    torch.testing.assert_close(changed, expected)


def test_saturation_is_a_factor_on_the_distance_to_the_mean_of_the_channels():
    changed = change_by("colour", IMAGES[:2], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.1])
    mean = IMAGES[:2].mean(1, keepdim=True)
    torch.testing.assert_close(changed[0], mean[0].expand(3, -1, -1))
    torch.testing.assert_close(changed[1], mean[1] + 1.1 * (IMAGES[1] - mean[1]))


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.2])
def test_saturation_without_a_turn_of_the_hue_is_torchvisions(factor):
    theirs = F.adjust_saturation(IMAGES / 255, factor) * 255
    torch.testing.assert_close(change("hsv", hue=[0, 0], saturation=[factor, factor]), theirs, rtol=1e-3, atol=0.1)


def test_a_turn_of_the_hue_keeps_brightness_and_grey_and_a_full_one_everything():
    pale = MID_GREY + 0.2 * (IMAGES - MID_GREY)
    turned = change_by("hsv", pale, [2.0] * 7, [1.0] * 7)
    brightness = [F.rgb_to_grayscale(images / 255) for images in (pale, turned)]
    torch.testing.assert_close(*brightness, rtol=0, atol=1e-3)
    grey = change("grey")
    torch.testing.assert_close(change("hsv", grey), grey, rtol=0, atol=0.01)
    torch.testing.assert_close(change("hsv", hue=[360, 360], saturation=[1, 1]), IMAGES, rtol=0, atol=0.01)
    assert (turned - pale).abs().max() > 10


def test_a_turn_of_the_hue_moves_red_towards_yellow():
    red = torch.tensor([180.0, 60.0, 60.0])[None, :, None, None].expand(1, 3, 4, 4)
    turned = change("hsv", red, hue=[20, 20], saturation=[1, 1])[0, :, 0, 0]
    assert turned[1] > 60 > turned[2]
