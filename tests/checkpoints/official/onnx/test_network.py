"""Networks out of ONNX graphs, as several exporters and optimisers write them."""

import numpy as np
import pytest
import torch
from onnx import helper
from onnx_graphs import NETWORKS, UNFOLDED, add_constant, difference, insert, network, nodes_of, write
from torch import nn

from femb_cli.checkpoints.official.onnx.network import read_onnx_network
from femb_cli.errors import FembError


@pytest.fixture(scope="module", params=["iresnet50", "mbf"])
def either(request, tmp_path_factory):
    """A backbone and its folded file."""
    backbone = network(request.param)
    return backbone, write(backbone, tmp_path_factory.mktemp("onnx") / f"{request.param}.onnx")


def test_folded_network_computes_the_same(either):
    assert difference(*either) < 2e-6


@pytest.mark.parametrize("name", ["iresnet50", "mbf_large"])
def test_unfolded_network_comes_back_bit_by_bit(name, tmp_path):
    backbone = network(name)
    found = read_onnx_network(write(backbone, tmp_path / "network.onnx", **UNFOLDED))
    assert found.config.name == name
    assert list(found.tensors) == list(backbone.state_dict())
    assert all(torch.equal(found.tensors[key], tensor) for key, tensor in backbone.state_dict().items())


def test_configuration_is_told_by_the_graph(either):
    config = read_onnx_network(either[1]).config
    assert all(getattr(config, key) == value for key, value in NETWORKS[config.name].items())


def test_rounded_channels_come_back(tmp_path):
    backbone = network("iresnet18", width=0.023)
    assert difference(backbone, write(backbone, tmp_path / "network.onnx")) < 2e-6


@pytest.mark.parametrize(
    "options",
    [
        {"input_names": ["data"], "dynamic_axes": {"data": {0: "batch"}}, "opset_version": 17},
        {"input_names": ["data"], "dynamic_axes": {"data": {0: "batch", 2: "height", 3: "width"}}},
        {"keep_initializers_as_inputs": True},
    ],
    ids=["any batch", "any size", "initializers as inputs"],
)
def test_options_of_the_exporter_do_not_matter(small, tmp_path, options):
    assert difference(small, write(small, tmp_path / "network.onnx", **options)) < 2e-6


@pytest.mark.slow
def test_newer_exporter_does_not_matter(small, tmp_path):
    pytest.importorskip("onnxscript")
    assert (
        difference(small, write(small, tmp_path / "n.onnx", dynamo=True, opset_version=18, external_data=False)) < 2e-6
    )


@pytest.mark.parametrize("level", ["ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED"])
def test_optimised_file_computes_the_same(small, unfolded, tmp_path, level):
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(str(unfolded), options, providers=["CPUExecutionProvider"])
    assert difference(small, tmp_path / "optimised.onnx") < 2e-6


def normalise(*steps):
    """An edit that puts arithmetic in front of the network."""

    def edit(graph):
        value = graph.input[0].name
        first = nodes_of(graph, "Conv")[0]
        for index, (op, constant) in enumerate(steps):
            add_constant(graph, f"constant{index}", constant)
            graph.node.insert(index, helper.make_node(op, [value, f"constant{index}"], [f"front{index}"]))
            value = f"front{index}"
        first.input[0] = value

    return edit


def test_network_without_arithmetic_in_front_states_no_mean(folded):
    found = read_onnx_network(folded)
    assert found.mean is None and found.std is None


@pytest.mark.parametrize("steps", [[("Sub", 127.5), ("Mul", 1 / 127.5)], [("Mul", 1 / 127.5), ("Add", -1)]])
def test_mean_and_deviation_of_bytes_are_read(folded, changed, steps):
    found = read_onnx_network(changed(normalise(*steps)))
    assert found.mean == pytest.approx((0.5, 0.5, 0.5), rel=1e-6)
    assert found.std == pytest.approx((0.5, 0.5, 0.5), rel=1e-6)


def test_arithmetic_in_front_leaves_the_tensors_alone(folded, changed):
    expected = read_onnx_network(folded).tensors
    tensors = read_onnx_network(changed(normalise(("Sub", 127.5), ("Div", [128.0])))).tensors
    assert all(torch.equal(tensors[name], tensor) for name, tensor in expected.items())


def test_mean_and_deviation_of_each_channel_are_read(changed):
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    steps = ("Sub", np.reshape(mean, (1, 3, 1, 1))), ("Div", np.reshape(std, (3, 1, 1)))
    found = read_onnx_network(changed(normalise(*steps)))
    assert found.mean == pytest.approx(mean, rel=1e-6) and found.std == pytest.approx(std, rel=1e-6)


def remove_block(graph):
    last = nodes_of(graph, "Add")[-1]
    for node in graph.node:
        node.input[:] = [last.input[1] if name == last.output[0] else name for name in node.input]


def change_epsilon(graph):
    epsilon = next(item for item in nodes_of(graph, "BatchNormalization")[0].attribute if item.name == "epsilon")
    epsilon.f = 1e-3


def spoil_epsilon(graph):
    epsilon = next(item for item in nodes_of(graph, "BatchNormalization")[0].attribute if item.name == "epsilon")
    epsilon.CopyFrom(helper.make_attribute("epsilon", "small"))


def make_weight_variable(graph):
    insert(graph, nodes_of(graph, "Gemm")[0], helper.make_node("Gemm", ["", graph.input[0].name], ["squared"]))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (remove_block, "7 shortcuts"),
        (change_epsilon, "epsilon .*0.001"),
        (spoil_epsilon, "epsilon .*small"),
        (make_weight_variable, "2 Gemm"),
    ],
)
def test_a_graph_of_no_known_architecture_is_refused(changed, edit, message):
    with pytest.raises(FembError, match=message):
        read_onnx_network(changed(edit))


def test_foreign_classifier_is_refused(tmp_path):
    classifier = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 30 * 30, 10), nn.Softmax(1))
    classifier.input_size = 32
    with pytest.raises(FembError, match="0 shortcuts: expected 8"):
        read_onnx_network(write(classifier, tmp_path / "classifier.onnx"))
