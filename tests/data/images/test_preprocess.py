"""From pixels to what a backbone sees."""

import pytest
import torch
import torchvision.transforms.v2.functional as torchvision_functional

from femb_cli.data.images.preprocess import Preprocessing


def test_bytes_are_mapped_to_the_range_from_minus_one_to_one():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 1, 3).expand(1, 112, 112, 3)
    values = Preprocessing()(images)
    assert values.shape == (1, 3, 112, 112)
    assert values.dtype == torch.float32
    assert values[0, :, 0, 0].tolist() == pytest.approx([-1, -0.6, 1], abs=1e-6)


def test_mean_and_deviation_are_in_the_backbones_channel_order():
    images = torch.tensor([255, 51, 0], dtype=torch.uint8).view(1, 1, 1, 3).expand(1, 4, 4, 3)
    preprocessing = Preprocessing(4, "BGR", mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0))
    assert preprocessing(images)[0, :, 2, 2].tolist() == pytest.approx([-0.1, 0.0, 0.7 / 4], abs=1e-6)


def test_images_are_resized_to_the_input_size_with_antialiasing():
    stripes = torch.zeros(2, 112, 112, 3, dtype=torch.uint8)
    stripes[:, :, ::2] = 255
    values = Preprocessing(56)(stripes)
    assert values.shape == (2, 3, 56, 56)
    assert values[:, :, 4:-4, 4:-4].abs().max() < 0.01


def test_rows_and_columns_stay_in_place():
    images = torch.zeros(1, 112, 112, 3, dtype=torch.uint8)
    images[0, 10, 90, 0] = 255
    assert Preprocessing()(images)[0, 0].argmax().item() == 10 * 112 + 90


def test_many_images_are_mapped_as_one_is():
    images = torch.randint(0, 256, (21, 112, 112, 3), dtype=torch.uint8)
    for preprocessing in (
        Preprocessing(),
        Preprocessing(channel_order="BGR", mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0)),
    ):
        one_by_one = torch.cat([preprocessing(image[None]) for image in images])
        assert torch.equal(preprocessing(images), one_by_one)


KINDS = [
    Preprocessing(8),
    Preprocessing(8, "BGR", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    Preprocessing(8, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
]


@pytest.mark.parametrize("preprocessing", KINDS)
def test_pixels_are_normalised_as_torchvision_does(preprocessing):
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    ordered = images.flip(1) if preprocessing.channel_order == "BGR" else images
    expected = torchvision_functional.normalize(ordered / 255, list(preprocessing.mean), list(preprocessing.std))
    torch.testing.assert_close(preprocessing.normalise(images), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("preprocessing", KINDS)
def test_scale_and_shift_are_the_formula(preprocessing):
    pixels = torch.arange(256.0)
    for channel in range(3):
        mean, std = preprocessing.mean[channel], preprocessing.std[channel]
        values = pixels * preprocessing.scale[channel] + preprocessing.shift[channel]
        torch.testing.assert_close(values, (pixels / 255 - mean) / std, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("preprocessing", KINDS)
def test_bytes_and_the_same_numbers_become_the_same_input(preprocessing):
    images = torch.randint(0, 256, (11, 8, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    resized = preprocessing.resize(images)
    assert resized.dtype == torch.uint8
    assert torch.equal(preprocessing.normalise(resized.float()), preprocessing(images))


def test_resized_images_are_numbers_from_0_to_255_and_the_originals_stay():
    images = torch.randint(0, 256, (2, 20, 20, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    resized = Preprocessing(8).resize(images)
    assert (resized.shape, resized.dtype) == ((2, 3, 8, 8), torch.float32)
    assert 0 <= resized.min() < 100 < 150 < resized.max() <= 255
    kept = resized.clone()
    Preprocessing(8).normalise(resized)
    assert torch.equal(resized, kept)
    assert torch.equal(images, before)
