"""What graphs do with the pixels, in the forms that exporters and people write."""

import numpy as np
import pytest
import torch
from onnx import helper
from onnx_graphs import add_constant, difference, nodes_of, write
from torch import nn

from femb_cli.checkpoints.official.onnx.network import read_onnx_network
from femb_cli.errors import FembError


class After(nn.Module):
    """A network and what is done with its images before."""

    def __init__(self, network, front):
        super().__init__()
        self.network, self.front, self.input_size = network, front, network.input_size

    def forward(self, images):
        return self.network(self.front(images))


def found(small, tmp_path, front, *, images=None, **options):
    """Write a network with something before it, and read it."""
    file = tmp_path / "n.onnx"
    images = torch.zeros(1, 3, 32, 32) if images is None else images
    settings = {"dynamo": False, "opset_version": 17, "verbose": False, **options}
    torch.onnx.export(After(small, front).eval(), (images,), file, **settings)
    assert difference(small, file) < 2e-6
    return read_onnx_network(file)


def swapped(x):
    blue, green, red = x.chunk(3, 1)
    return torch.cat([red, green, blue], 1)


@pytest.mark.parametrize("front", [lambda x: x[:, [2, 1, 0]], lambda x: x.flip(1), swapped])
def test_swapped_colours_are_found(small, tmp_path, front):
    network = found(small, tmp_path, front)
    assert network.front.swaps_colours and not network.front.is_channels_last


@pytest.mark.slow
def test_gathered_colours_of_the_newer_exporter_are_found(small, tmp_path):
    pytest.importorskip("onnxscript")
    assert found(small, tmp_path, lambda x: x[:, [2, 1, 0]], dynamo=True, opset_version=18).front.swaps_colours


def test_colours_in_the_last_axis_are_found(small, tmp_path):
    images = torch.zeros(1, 32, 32, 3)
    network = found(small, tmp_path, lambda x: (x[..., [2, 1, 0]].permute(0, 3, 1, 2) - 127.5) / 128, images=images)
    assert network.front.is_channels_last and network.front.swaps_colours
    assert network.std == pytest.approx((128 / 255,) * 3)


@pytest.mark.parametrize("divisor", [1.0, 255.0])
def test_whole_numbers_as_images_are_read(small, tmp_path, divisor):
    network = found(small, tmp_path, lambda x: x.float() / divisor, images=torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    assert network.mean == (0, 0, 0)
    assert network.std == pytest.approx((divisor / 255,) * 3)


def test_mean_and_deviation_are_in_the_order_of_the_network(small, tmp_path):
    mean = torch.tensor([0.1, 0.2, 0.3])[None, :, None, None]
    network = found(small, tmp_path, lambda x: (x - mean).flip(1))
    assert network.mean == pytest.approx((0.3, 0.2, 0.1))


def rotate(x):
    return x.transpose(2, 3)


def gamma(x):
    return x**2


def mix(x):
    return x + x.flip(1)


def negate(x):
    return -x


@pytest.mark.parametrize("front", [rotate, gamma, mix, negate])
def test_other_changes_of_the_pixels_are_refused(small, tmp_path, front):
    with pytest.raises(FembError, match="changes its images before the first convolution by"):
        read_onnx_network(write(After(small, front).eval(), tmp_path / "n.onnx"))


def test_reversed_sequences_are_swapped_colours(changed):
    """As tf2onnx writes a reversal of the channels."""

    def reverse(graph):
        first = nodes_of(graph, "Conv")[0]
        lengths = helper.make_node("Constant", [], ["lengths"], value_ints=[3])
        node = helper.make_node("ReverseSequence", [first.input[0], "lengths"], ["reversed"], time_axis=1, batch_axis=0)
        graph.node.insert(0, lengths)
        graph.node.insert(1, node)
        first.input[0] = "reversed"

    assert read_onnx_network(changed(reverse)).front.swaps_colours


def test_colours_gathered_along_the_first_axis_are_swapped(changed):
    """As torch's newer exporter writes an index of channels."""

    def gather(graph):
        first = nodes_of(graph, "Conv")[0]
        add_constant(graph, "order", [[2], [1], [0]], np.int64)
        nodes = [
            helper.make_node("Transpose", [first.input[0]], ["channels"], perm=[1, 0, 2, 3]),
            helper.make_node("GatherND", ["channels", "order"], ["ordered"], batch_dims=0),
            helper.make_node("Transpose", ["ordered"], ["swapped"], perm=[1, 0, 2, 3]),
        ]
        for position, node in enumerate(nodes):
            graph.node.insert(position, node)
        first.input[0] = "swapped"

    assert read_onnx_network(changed(gather)).front.swaps_colours
