"""Random changes to training images."""

import pytest
import torch

from femb_cli.config.schema import AugmentConfig
from femb_cli.data.images.augment import MID_GREY, Draws, augment

IMAGES = 255 * torch.rand(6, 3, 24, 24, generator=torch.Generator().manual_seed(0))
NOTHING = AugmentConfig(flip=0)
CHANGES = [
    {"flip": 0.5},
    {"rotate": 15.0},
    {"shift": 0.1},
    {"zoom": 0.2},
    {"colour": 0.3},
    {"grey": 1.0},
    {"low_resolution": 1.0},
    {"erase": 1.0},
    {"flip": 0.5, "rotate": 180.0, "shift": 2.0, "zoom": 1.0, "colour": 3.0, "low_resolution": 0.5, "erase": 0.5},
]


def changed(seed=0, images=IMAGES, **strengths):
    config = AugmentConfig(**{"flip": 0.0} | strengths)
    return augment(images, config, Draws(torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("strengths", CHANGES)
def test_the_generator_decides_everything(strengths):
    torch.manual_seed(1)
    first = changed(**strengths)
    torch.manual_seed(2)
    assert torch.equal(first, changed(**strengths))
    assert not torch.equal(first, changed(seed=1, **strengths)) or strengths == {"grey": 1.0}


@pytest.mark.parametrize("strengths", CHANGES)
def test_shape_and_type_stay_and_values_are_finite(strengths):
    images = changed(**strengths)
    assert images.shape == IMAGES.shape
    assert images.dtype == torch.float32
    assert images.isfinite().all()
    assert (images - MID_GREY).abs().max() <= 1.5 * MID_GREY
    assert not torch.equal(images, IMAGES)


@pytest.mark.parametrize("strengths", CHANGES)
def test_the_batch_is_not_changed_in_place(strengths):
    images = IMAGES.clone()
    changed(images=images, **strengths)
    assert torch.equal(images, IMAGES)


@pytest.mark.parametrize("strengths", CHANGES)
def test_an_image_is_changed_alike_on_any_number_of_processes(strengths):
    config = AugmentConfig(**{"flip": 0.0} | strengths)
    alone = augment(IMAGES, config, Draws(torch.Generator().manual_seed(3)))
    for world_size in (2, 3):
        for rank in range(world_size):
            draws = Draws(torch.Generator().manual_seed(3), rank, world_size)
            own = augment(IMAGES[rank::world_size], config, draws)
            torch.testing.assert_close(own, alone[rank::world_size], rtol=1e-5, atol=1e-3)


def test_strength_zero_changes_nothing():
    assert torch.equal(augment(IMAGES, NOTHING, Draws(torch.Generator().manual_seed(0))), IMAGES)


def test_flip_probability_one_mirrors_every_image():
    assert torch.equal(changed(flip=1.0), IMAGES.flip(3))


def test_mirroring_alone_keeps_bytes():
    pixels = IMAGES.byte()
    mirrored = changed(images=pixels, flip=0.5)
    assert mirrored.dtype == torch.uint8
    assert torch.equal(mirrored.float(), changed(images=pixels.float(), flip=0.5))


@pytest.mark.parametrize("strengths", CHANGES[1:])
def test_bytes_are_changed_as_the_same_numbers_are(strengths):
    pixels = IMAGES.byte()
    assert torch.equal(changed(images=pixels, **strengths), changed(images=pixels.float(), **strengths))


def test_mirroring_survives_the_resampling():
    torch.testing.assert_close(changed(flip=1.0, rotate=1e-6), IMAGES.flip(3), atol=1e-4 * MID_GREY, rtol=0)


def test_about_half_of_the_images_are_mirrored_at_one_half():
    images = IMAGES[:1].expand(2000, -1, -1, -1)
    mirrored = (changed(images=images, flip=0.5) != images).flatten(1).any(1)
    assert 900 < mirrored.sum() < 1100


def test_every_image_draws_its_own_change():
    images = changed(images=IMAGES[:1].expand(5, -1, -1, -1), rotate=15.0)
    assert len({image.sum().item() for image in images}) == 5


def test_grey_images_have_three_equal_channels():
    images = changed(grey=1.0)
    torch.testing.assert_close(images[:, 0], images[:, 1])
    torch.testing.assert_close(images[:, 0], IMAGES.mean(1))


def test_light_changes_mid_grey_by_at_most_the_strength_and_contrast_does_not():
    grey = torch.full((200, 3, 9, 9), MID_GREY)
    change = (changed(images=grey, colour=0.2) - grey) / MID_GREY
    brightness, slope = change[:, 0, :, 4], change[:, 0, :, 8] - change[:, 0, :, 4]
    for drawn in (brightness, slope):
        assert 0.18 < drawn.abs().max() <= 0.2 + 1e-6
        assert drawn.min() < -0.15 < 0.15 < drawn.max()


def test_contrast_is_a_factor_on_the_distance_to_mid_grey():
    two = torch.full((200, 3, 1, 9), MID_GREY)
    two[:, :, :, 0], two[:, :, :, 8] = 0.8 * MID_GREY, 1.2 * MID_GREY
    after = changed(images=two, colour=0.2)[:, 0, 0]
    # The same light on an even image, to be subtracted.
    even = changed(images=torch.full_like(two, MID_GREY), colour=0.2)[:, 0, 0]
    factor = (after[:, 8] - even[:, 8]) / (0.2 * MID_GREY)
    torch.testing.assert_close(factor, (even[:, 0] - after[:, 0]) / (0.2 * MID_GREY), rtol=1e-4, atol=1e-4)
    assert torch.tensor(-0.2).exp() - 1e-4 <= factor.min() < 0.85
    assert 1.18 < factor.max() <= torch.tensor(0.2).exp() + 1e-4


def test_rotation_keeps_the_centre_and_turns_no_further_than_asked():
    images = torch.zeros(50, 3, 65, 65)
    images[:, :, 32, 60] = 1
    rows = changed(images=images, rotate=20.0)[:, 0].flatten(1).argmax(1) // 65 - 32
    assert rows.abs().max() <= 28 * torch.tensor(20.0).deg2rad().sin() + 1
    assert rows.min() < -3 < 3 < rows.max()


def test_shift_is_a_fraction_of_the_side():
    images = torch.zeros(200, 3, 41, 41)
    images[:, :, 20, 20] = 1
    place = changed(images=images, shift=0.2)[:, 0].flatten(1).argmax(1)
    offsets = torch.stack([place // 41 - 20, place % 41 - 20])
    assert offsets.abs().max() <= 9
    assert (offsets.abs().amax(1) >= 6).all()


def test_one_rectangle_is_erased_to_the_mean_value():
    images = changed(images=torch.full((300, 3, 40, 40), 255.0), erase=1.0)
    erased = images[:, 0] == MID_GREY
    assert torch.equal(images == MID_GREY, erased[:, None].expand(-1, 3, -1, -1))
    heights, widths = erased.any(2).sum(1), erased.any(1).sum(1)
    assert torch.equal(erased.flatten(1).sum(1), heights * widths)
    assert max(heights.max(), widths.max()) <= 0.4 * 40 + 1


def test_low_resolution_keeps_the_mean_and_loses_detail():
    images = changed(low_resolution=1.0)
    assert images.std() < 0.7 * IMAGES.std()
    torch.testing.assert_close(images.mean((2, 3)), IMAGES.mean((2, 3)), atol=0.05 * MID_GREY, rtol=0)
