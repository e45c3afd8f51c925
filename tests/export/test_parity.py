"""Exported networks that compute something else are noticed."""

import pytest
import torch
from exported import SIZE

from femb_cli.errors import FembError
from femb_cli.export.parity import check_images, cosines, largest_difference
from femb_cli.inference import load_embedder


def test_the_images_are_the_same_every_time():
    images = check_images(SIZE)
    assert (images.shape, images.dtype) == ((64, SIZE, SIZE, 3), torch.uint8)
    check_images.cache_clear()
    assert torch.equal(check_images(SIZE), images)


def test_a_network_is_no_different_from_itself(original):
    assert largest_difference(original, original, check_images(SIZE)) <= 1e-5
    torch.testing.assert_close(cosines(original, original, check_images(SIZE)), torch.ones(64, dtype=torch.float64))


def test_a_network_that_computes_otherwise_is_noticed(original, checkpoint):
    other = load_embedder(checkpoint.path, "cpu")
    other.network.features.bias.data += 0.01
    with pytest.raises(FembError, match="differs from the original by"):
        largest_difference(original, other, check_images(SIZE))


def test_embeddings_that_are_no_numbers_are_noticed(original, checkpoint):
    other = load_embedder(checkpoint.path, "cpu")
    other.network.features.running_var.fill_(-1)
    with pytest.raises(FembError, match="not finite"):
        cosines(original, other, check_images(SIZE))
