"""The configuration of a training for which none is named."""

import pytest

from femb_cli.config.load import shipped_configs
from femb_cli.training.planning.default_recipe import MANY_IMAGES, default_recipe


@pytest.mark.parametrize(
    "num_images, on_gpu, starts_from, name, changes",
    [
        (None, False, None, "quickstart", {}),
        (None, False, "model", "fine_tune", {}),
        (5_000_000, False, "model", "fine_tune", {}),
        (5_000_000, False, None, "people_small", {}),
        (5_000_000, True, None, "people_r50", {}),
        (MANY_IMAGES - 1, True, None, "people_small", {}),
        (255, False, None, "people_small", {"batch_size": 64}),
        (256, False, None, "people_small", {}),
        (18, False, None, "people_small", {"batch_size": 8}),
        (127, False, "model", "fine_tune", {"batch_size": 32}),
        (3, False, None, "people_small", {"batch_size": 2}),
        (1, False, None, "people_small", {"batch_size": 2}),
    ],
)
def test_the_recipe_fits_the_data_and_the_hardware(num_images, on_gpu, starts_from, name, changes):
    recipe = default_recipe(num_images, on_gpu=on_gpu, starts_from=starts_from)
    assert (recipe.name, recipe.changes) == (name, changes)
    assert name in shipped_configs()


def test_a_batch_that_the_user_has_named_is_not_chosen():
    recipe = default_recipe(18, on_gpu=False, starts_from=None, batch_is_named=True)
    assert (recipe.changes, recipe.reason) == ({}, "for 18 images on a CPU")


def test_the_reason_is_for_the_user():
    assert default_recipe(1234, on_gpu=False, starts_from=None).reason == "for 1,234 images on a CPU"
    assert default_recipe(9, on_gpu=True, starts_from="net").reason == "to train net further, batch size 4"
    assert default_recipe(10**6, on_gpu=True, starts_from=None).reason == "for 1,000,000 images on a GPU"
