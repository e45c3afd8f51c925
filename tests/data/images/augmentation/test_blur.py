"""Blurred images."""

import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.v2.functional as TF
from augmented import IMAGES, change, change_by


def test_each_image_is_blurred_as_torchvision_blurs_it_alone():
    sigmas = [0.5, 1.0, 2.0]
    changed = change_by("blur", IMAGES[:3], sigmas, sigma=[0.5, 2.0])
    for image, ours, sigma in zip(IMAGES, changed, sigmas, strict=False):
        torch.testing.assert_close(ours, TF.gaussian_blur(image, [13, 13], [sigma, sigma]), rtol=1e-4, atol=0.01)


def test_a_box_is_the_mean_over_a_square():
    width = 3 / 12**0.5
    blurred = change_by("blur", IMAGES, [width] * 7, sigma=[width, width], kernel="box")
    padded = F.pad(IMAGES, [1, 1, 1, 1], mode="reflect")
    torch.testing.assert_close(blurred, F.avg_pool2d(padded, 3, stride=1), rtol=1e-4, atol=0.01)


@pytest.mark.parametrize("kernel", ["gaussian", "box"])
def test_a_point_spreads_with_the_standard_deviation(kernel):
    point = torch.zeros(1, 3, 49, 49)
    point[:, :, 24, 24] = 1
    spread = change("blur", point, sigma=[3, 3], kernel=kernel)[0, 0].sum(0)
    offset = torch.arange(49) - 24
    assert ((spread * offset**2).sum() / spread.sum()).sqrt().item() == pytest.approx(3, rel=0.02)


def test_a_blur_wider_than_the_image_is_possible():
    assert change("blur", IMAGES[:, :, :9, :9], sigma=[90, 100]).std((2, 3)).max() < 15
