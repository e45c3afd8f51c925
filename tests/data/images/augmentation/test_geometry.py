"""Rotation, shift and zoom."""

import math

import torch
import torchvision.transforms.v2.functional as F
from augmented import IMAGES, change, change_by

SMOOTH = F.gaussian_blur(IMAGES[:3], [9, 9], [2.0, 2.0])


def test_each_image_is_resampled_as_torchvision_resamples_it_alone():
    angles, zooms, shifts = [0.2, -0.1, 0.0], [1.1, 0.9, 1.0], [[0.1, 0.0], [0.0, -0.2], [0.25, 0.25]]
    changed = change_by("geometry", SMOOTH, angles, zooms, shifts)
    for image, ours, angle, zoom, (across, down) in zip(SMOOTH, changed, angles, zooms, shifts, strict=True):
        # torchvision shifts after it has turned and scaled, and by the forward map: the shift is turned back.
        shift = torch.tensor([across, down]) * 12 / zoom
        cosine, sine = math.cos(angle), math.sin(angle)
        back = [-(cosine * shift[0] + sine * shift[1]).item(), -(-sine * shift[0] + cosine * shift[1]).item()]
        theirs = F.affine(
            image, math.degrees(-angle), back, 1 / zoom, [0.0, 0.0], interpolation=F.InterpolationMode.BILINEAR
        )
        torch.testing.assert_close(ours[:, 9:15, 9:15], theirs[:, 9:15, 9:15], rtol=0, atol=0.1)


def test_rotation_keeps_the_centre_and_turns_no_further_than_asked():
    images = torch.zeros(50, 3, 65, 65)
    images[:, :, 32, 60] = 1
    rows = change("geometry", images, rotate=20, shift=0, zoom=0)[:, 0].flatten(1).argmax(1) // 65 - 32
    assert rows.abs().max() <= 28 * math.sin(math.radians(20)) + 1
    assert rows.min() < -3 < 3 < rows.max()


def test_shift_is_a_fraction_of_the_side():
    images = torch.zeros(200, 3, 41, 41)
    images[:, :, 20, 20] = 1
    place = change("geometry", images, rotate=0, shift=0.2, zoom=0)[:, 0].flatten(1).argmax(1)
    offsets = torch.stack([place // 41 - 20, place % 41 - 20])
    assert offsets.abs().max() <= 9
    assert (offsets.abs().amax(1) >= 6).all()


def test_outside_its_edges_an_image_continues_mirrored():
    shifted = change_by("geometry", IMAGES, [0.0] * 7, [1.0] * 7, [[0.5, 0.0]] * 7)
    torch.testing.assert_close(shifted[..., :18], IMAGES[..., 6:], rtol=0, atol=1e-3)
    torch.testing.assert_close(shifted[..., 18:], IMAGES[..., 18:].flip(3), rtol=0, atol=1e-3)
