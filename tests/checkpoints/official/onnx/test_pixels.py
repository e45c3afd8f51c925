"""The pixels of the network inside a graph, from what is stated of its input and what the graph does with it."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from femb_cli.checkpoints.official.onnx.front import Front
from femb_cli.checkpoints.official.onnx.pixels import describe_pixels, onnx_preprocessing
from femb_cli.checkpoints.stated_pixels import StatedPixels
from femb_cli.data.images.preprocess import Preprocessing


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
@pytest.mark.parametrize("stated_order", ["RGB", "BGR"])
def test_the_network_gets_the_same_numbers_with_and_without_the_graphs_front(order, stated_order):
    front = Front(order=order, scale=(2.0, 3.0, 4.0), shift=(-1.0, 0.5, 0.25))
    stated = StatedPixels(Path("m.yaml"), stated_order, 255, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    network = SimpleNamespace(config=SimpleNamespace(input_size=8), front=front)
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8))
    given = stated.preprocessing(8)(images)
    scale, shift = (torch.tensor(values)[:, None, None] for values in (front.scale, front.shift))
    torch.testing.assert_close(onnx_preprocessing(network, stated)(images), given[:, list(order)] * scale + shift)


def test_pixels_are_described_as_a_formula():
    assert describe_pixels(Preprocessing()) == "RGB, (x / 255 - 0.5) / 0.5"
