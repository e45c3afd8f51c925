"""What holds for every operation, and for a list of them."""

import pytest
import torch
from augmented import BYTES, IMAGES, augment, change, operation

from femb_cli.config.schema import AugmentConfig
from femb_cli.config.section import choices
from femb_cli.data.images.augmentation import Draws

NAMES = list(choices(AugmentConfig))
DRAWS_NOTHING = ("flip", "grey")
"""All changed images are changed alike."""
IDENTITIES = {
    "geometry": {"rotate": 0, "shift": 0, "zoom": 0},
    "colour": {"strength": 0},
    "hsv": {"hue": [0, 0], "saturation": [1, 1]},
    "photometric": {"brightness": 0, "contrast": 0, "saturation": 0},
    "random_crop": {"scale": [1, 1], "aspect": [1, 1]},
    "low_resolution": {"factor": [1, 1]},
    "downscale": {"ratio": [1, 1]},
    "blur": {"sigma": [0, 0]},
    "rand_augment": {"num_changes": 0},
}
every_operation = pytest.mark.parametrize("name", NAMES)


@every_operation
@pytest.mark.parametrize("images", [IMAGES, BYTES], ids=["floats", "bytes"])
def test_shape_stays_and_values_stay_in_range(name, images):
    changed = change(name, images)
    assert changed.shape == images.shape
    assert changed.dtype == (images.dtype if operation(name).keeps_bytes else torch.float32)
    assert not torch.equal(changed, images)
    margin = 64 if name == "colour" else 1e-3
    assert -margin <= changed.min()
    assert changed.max() <= 255 + margin


@every_operation
def test_channels_may_be_last(name):
    last = IMAGES.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(change(name, last), change(name), rtol=1e-5, atol=1e-3)


@every_operation
def test_bytes_are_changed_as_the_same_numbers_are(name):
    assert torch.equal(change(name, BYTES, probability=0.6).float(), change(name, IMAGES, probability=0.6))


@every_operation
@pytest.mark.parametrize("probability", [0.5, 1.0])
def test_the_batch_is_not_changed_in_place(name, probability):
    # The loader's images have their channels last.
    for images in (IMAGES.clone(), BYTES.clone(), BYTES.clone(memory_format=torch.channels_last)):
        change(name, images, probability=probability)
        assert torch.equal(images.float(), IMAGES)


@every_operation
def test_the_seed_decides_everything(name):
    torch.manual_seed(1)
    first = change(name, probability=0.5)
    torch.manual_seed(2)
    assert torch.equal(first, change(name, probability=0.5))
    assert not torch.equal(first, change(name, probability=0.5, seed=1))


@every_operation
@pytest.mark.parametrize("world_size", [2, 3])
def test_an_image_is_changed_alike_on_any_number_of_processes(name, world_size):
    images = IMAGES[:6]
    alone = change(name, images, seed=3, probability=0.5)
    for rank in range(world_size):
        own = operation(name, probability=0.5)(images[rank::world_size], Draws(3, rank, world_size))
        torch.testing.assert_close(own, alone[rank::world_size], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "jpeg"])
@pytest.mark.parametrize("probability", [0.5, 1.0])
def test_drawn_numbers_follow_the_images_to_their_device(name, probability):
    """On the device `meta`, which has no values, an operation with a tensor on the CPU fails as it would on a GPU."""
    changed = change(name, torch.empty(6, 3, 24, 24, dtype=torch.uint8, device="meta"), probability=probability)
    assert changed.device.type == "meta"


@every_operation
def test_probability_0_changes_nothing(name):
    assert torch.equal(change(name, probability=0.0), IMAGES)


@every_operation
def test_at_probability_one_half_about_half_of_the_images_are_changed(name):
    images = IMAGES[:1, :, :12, :12].expand(200, -1, -1, -1)
    unchanged = (change(name, images, probability=0.5) == images).flatten(1).all(1)
    # A crop may keep the whole image, and a large rectangle may lie outside it.
    assert 75 < 200 - unchanged.sum() < 125


@every_operation
def test_every_image_draws_its_own_change(name):
    different = change(name, IMAGES[:1].expand(5, -1, -1, -1)).unique(dim=0)
    assert (len(different) == 1) == (name in DRAWS_NOTHING)
    assert len(different) >= 3 or name in DRAWS_NOTHING


@pytest.mark.parametrize("name", IDENTITIES)
def test_at_strength_0_nothing_changes(name):
    torch.testing.assert_close(change(name, **IDENTITIES[name]), IMAGES, rtol=0, atol=1e-3)


def test_an_empty_list_changes_nothing():
    assert augment() is IMAGES


def test_operations_follow_each_other_in_the_order_of_the_list():
    hidden = {"name": "random_crop", "probability": 1, "scale": [0.2, 0.3]}
    filled = {"name": "erase", "probability": 1, "fill": "colour", "side": [0.9, 1.0]}
    assert not torch.equal(augment(hidden, filled), augment(filled, hidden))
    assert torch.equal(augment(hidden, filled), augment(filled, images=augment(hidden)))


def test_what_an_operation_draws_does_not_depend_on_the_others():
    flip, erase = {"name": "flip", "probability": 0.5}, {"name": "erase", "probability": 0.5}
    nothing = {"name": "jpeg", "probability": 0.0}
    assert torch.equal(augment(nothing, flip, nothing, erase), augment(flip, erase))
    erased = augment(erase) == 127.5
    assert torch.equal(augment("flip", erase) == 127.5, erased)
    assert torch.equal(augment("grey", erase) == 127.5, erased)


def test_two_operations_of_the_same_name_draw_different_numbers():
    flip = {"name": "flip", "probability": 0.5}
    once, twice = augment(flip), augment(flip, flip)
    assert not torch.equal(twice, IMAGES)
    assert not torch.equal(twice, once)
