"""From pixels to what a backbone sees."""

import pytest
import torch

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
