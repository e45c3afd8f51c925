"""Mirrored images."""

import torch
from augmented import BYTES, IMAGES, change


def test_left_becomes_right():
    assert torch.equal(change("flip"), IMAGES.flip(3))


def test_two_flips_are_none():
    assert torch.equal(change("flip", change("flip", BYTES)), BYTES)
