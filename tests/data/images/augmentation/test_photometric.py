"""Brightness, contrast and saturation in random order."""

from itertools import permutations

import torch
import torchvision.transforms.v2.functional as F
from augmented import IMAGES, change_by, operation

from femb_cli.data.images.augmentation import Draws

THEIRS = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation)


def test_each_image_is_changed_as_torchvision_changes_it_alone():
    orders = list(permutations(range(3)))
    factors = (0.5 + Draws(0).uniform(6, 3)).tolist()
    changed = change_by("photometric", IMAGES[:6], orders, factors)
    for image, order, factor, ours in zip(IMAGES / 255, orders, factors, changed, strict=False):
        for kind in order:
            image = THEIRS[kind](image, factor[kind])
        torch.testing.assert_close(ours, image * 255, rtol=1e-3, atol=0.1)


def test_orders_and_factors_are_drawn_evenly_within_their_bounds():
    draw = operation("photometric", brightness=0.5, contrast=0.0, saturation=2.0).draw
    order, factor = draw(Draws(0), 600, 24)
    assert order.unique(dim=0, return_counts=True)[1].min() > 70
    assert (factor[:, 1] == 1).all()
    assert 0.5 <= factor[:, 0].min() < 0.52 < 1.48 < factor[:, 0].max() <= 1.5
    assert 0 <= factor[:, 2].min() < 0.05 < 2.95 < factor[:, 2].max() <= 3
