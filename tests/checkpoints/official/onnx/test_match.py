"""Tensors out of graphs that compute the same, and the first difference of those that do not."""

import numpy as np
import pytest
from onnx import helper, numpy_helper
from onnx_graphs import add_constant, difference, insert, nodes_of

from femb_cli.checkpoints.official.onnx.network import read_onnx_network
from femb_cli.errors import FembError


def test_names_do_not_matter(small, changed):
    def rename(graph):
        numbers = {}
        for item in [*graph.initializer, *graph.input, *graph.output]:
            item.name = numbers.setdefault(item.name, str(len(numbers)))
        for node in graph.node:
            node.name = ""
            node.input[:] = [numbers.setdefault(name, str(len(numbers))) for name in node.input]
            node.output[:] = [numbers.setdefault(name, str(len(numbers))) for name in node.output]

    assert difference(small, changed(rename)) < 2e-6


def test_reshape_by_a_computed_shape_is_a_flatten(small, changed):
    def reshape(graph):
        flatten = nodes_of(graph, "Flatten")[0]
        position = list(graph.node).index(flatten)
        add_constant(graph, "zero", 0, np.int64)
        add_constant(graph, "rest", [-1], np.int64)
        steps = [
            helper.make_node("Shape", [flatten.input[0]], ["shape"]),
            helper.make_node("Gather", ["shape", "zero"], ["batch"], axis=0),
            helper.make_node("Unsqueeze", ["batch"], ["batches"], axes=[0]),
            helper.make_node("Concat", ["batches", "rest"], ["rows"], axis=0),
            helper.make_node("Reshape", [flatten.input[0], "rows"], list(flatten.output)),
        ]
        graph.node.remove(flatten)
        for offset, step in enumerate(steps):
            graph.node.insert(position + offset, step)

    assert difference(small, changed(reshape)) < 2e-6


@pytest.mark.parametrize("constants", [False, True], ids=["attributes", "inputs"])
def test_batch_norm_of_rows_may_stand_between_added_axes(small, changed, constants):
    def add_axes(graph):
        gemm = nodes_of(graph, "Gemm")[0]
        batch_norm = next(node for node in graph.node if gemm.output[0] in node.input)
        add_constant(graph, "two", [2], np.int64)
        axes, settings = (["two"], {}) if constants else ([], {"axes": [2]})
        insert(graph, gemm, helper.make_node("Unsqueeze", ["", *axes], ["columns"], **settings))
        output = batch_norm.output[0]
        batch_norm.output[0] = "normalised"
        graph.node.append(helper.make_node("Squeeze", ["normalised", *axes], [output], **settings))

    assert difference(small, changed(add_axes)) < 2e-6


def test_linear_layer_may_be_a_product_and_a_sum(small, changed):
    def split(graph):
        gemm = nodes_of(graph, "Gemm")[0]
        position = list(graph.node).index(gemm)
        graph.node.insert(position, helper.make_node("Transpose", [gemm.input[1]], ["weight"], perm=[1, 0]))
        graph.node.insert(position + 1, helper.make_node("MatMul", [gemm.input[0], "weight"], ["product"]))
        graph.node.insert(position + 2, helper.make_node("Add", [gemm.input[2], "product"], list(gemm.output)))
        graph.node.remove(gemm)

    assert difference(small, changed(split)) < 2e-6


def test_bias_before_a_batch_norm_moves_its_mean(small, unfolded, changed):
    def add_bias(graph):
        first = nodes_of(graph, "Conv")[0]
        batch_norm = next(node for node in graph.node if first.output[0] in node.input)
        mean = next(item for item in graph.initializer if item.name == "bn1.running_mean")
        values = numpy_helper.to_array(mean)
        add_constant(graph, "bias", np.full_like(values, 0.5))
        add_constant(graph, "moved", values + 0.5)
        first.input.append("bias")
        batch_norm.input[3] = "moved"

    assert difference(small, changed(add_bias, unfolded)) < 2e-6


def add_relu(graph):
    insert(graph, nodes_of(graph, "Add")[2], helper.make_node("Relu", [""], ["rectified"]))


def rewire_shortcut(graph):
    adds = nodes_of(graph, "Add")
    adds[3].input[1] = adds[1].output[0]


def rewire_downsample(graph):
    batch_norm = nodes_of(graph, "BatchNormalization")[2]
    downsample = next(
        node
        for node in nodes_of(graph, "Conv")
        if node.input[0] == batch_norm.input[0] and node.attribute[2].ints == [1, 1]
    )
    downsample.input[0] = batch_norm.output[0]


def add_softmax(graph):
    graph.node.append(helper.make_node("Softmax", [graph.output[0].name], ["probabilities"]))
    graph.output[0].name = "probabilities"


def add_branch(graph):
    last = nodes_of(graph, "BatchNormalization")[-1]
    graph.node.append(helper.make_node("Mul", [last.output[0], last.input[0]], ["gated"]))
    graph.output[0].name = "gated"


def change_stride(graph):
    stride = next(item for item in nodes_of(graph, "Conv")[0].attribute if item.name == "strides")
    stride.ints[:] = [2, 2]


def train_batch_norm(graph):
    nodes_of(graph, "BatchNormalization")[1].attribute.append(helper.make_attribute("training_mode", 1))


def cut_slopes(graph):
    add_constant(graph, "slope", [[[0.25]], [[0.25]]])
    nodes_of(graph, "PRelu")[0].input[1] = "slope"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (add_relu, r"Relu \(output 'rectified'\), expected BatchNormalization"),
        (rewire_shortcut, r"Add \(output '.*'\) adds"),
        (rewire_downsample, "expected Conv"),
        (add_softmax, r"Softmax \(output 'probabilities'\), expected the graph's output"),
        (add_branch, r"Mul \(output 'gated'\)"),
        (change_stride, r"Conv \(output '.*'\) has strides \(2, 2\), expected \(1, 1\)"),
        (train_batch_norm, "training_mode 1, expected 0"),
        (cut_slopes, r"shape \(2, 1, 1\) as input 1, expected a constant of the shape \(8, 1, 1\)"),
    ],
)
def test_departure_is_named(changed, edit, message):
    with pytest.raises(FembError, match=message):
        read_onnx_network(changed(edit))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1), (1, 1, 1, 1)])
def test_one_slope_for_all_channels_is_the_slope_of_each(changed, shape):
    def share_slopes(graph):
        add_constant(graph, "slope", np.full(shape, 0.25))
        nodes_of(graph, "PRelu")[0].input[1] = "slope"

    assert read_onnx_network(changed(share_slopes)).tensors["prelu.weight"].tolist() == [0.25] * 8


def test_weights_of_16_bits_are_read_through_their_casts(small, changed):
    """As converters to float16 write them: all weights and all values in 16 bits, the input and the output in 32."""

    def halve(graph):
        for item in graph.initializer:
            item.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(item).astype(np.float16), item.name))
        first, last = nodes_of(graph, "Conv")[0], nodes_of(graph, "BatchNormalization")[-1]
        graph.node.insert(0, helper.make_node("Cast", [first.input[0]], ["halved"], to=10))
        first.input[0] = "halved"
        graph.node.append(helper.make_node("Cast", [last.output[0]], ["widened"], to=1))
        graph.output[0].name = "widened"

    file = changed(halve)
    assert difference(small, file) < 5e-3  # rounding to 11 bits
    assert "the computation in 16 bits" in read_onnx_network(file).left_out[0]


def test_the_shortcut_of_adaface_takes_every_second_pixel(tmp_path):
    """Its first block has a pooling of one pixel where an IResNet has a convolution."""
    from onnx_graphs import network, write

    ir = network("ir18")
    file = write(ir, tmp_path / "ir.onnx")
    assert read_onnx_network(file).config.name == "iresnet18"
    assert difference(ir, file) < 2e-6
