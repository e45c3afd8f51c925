"""Networks out of ONNX graphs, as several exporters and optimisers write them."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from femb_cli.backbones import build_backbone, build_configured_backbone
from femb_cli.errors import FembError

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from femb_cli.checkpoints.official.onnx.network import read_onnx_network  # noqa: E402

UNFOLDED = {"do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE}
NETWORKS = {
    "iresnet18": {"embedding_dim": 16, "input_size": 32, "width": 0.125},
    "iresnet50": {"embedding_dim": 16, "input_size": 48, "width": 0.0625, "bn_eps": 2e-5},
    "mbf": {"embedding_dim": 32, "input_size": 32},
    "mbf_large": {"embedding_dim": 32, "input_size": 16},
}


def network(name, **changes):
    """A backbone with weights and statistics that are all different."""
    torch.manual_seed(0)
    backbone = build_backbone(name, **(NETWORKS[name] | changes)).eval()
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0.1, 0.4)
    return backbone


def write(backbone, file, **options):
    """Export a backbone as insightface's packs were."""
    inputs = torch.zeros(1, 3, backbone.input_size, backbone.input_size)
    torch.onnx.export(backbone, (inputs,), file, **{"dynamo": False, "opset_version": 11, "verbose": False, **options})
    return file


def difference(backbone, file):
    """Largest difference between a backbone's embeddings and those of the network read from a file, relative."""
    found = read_onnx_network(file)
    again = build_configured_backbone(found.config).eval()
    again.load_state_dict(found.tensors)
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(2, 3, backbone.input_size, backbone.input_size, generator=generator, dtype=torch.float64)
    with torch.inference_mode():
        expected = backbone.double()(images * 2 - 1)
        error = (again.double()(images * 2 - 1) - expected).abs().max() / expected.abs().max()
    backbone.float()
    return error.item()


@pytest.fixture(scope="module")
def small():
    return network("iresnet18")


@pytest.fixture(scope="module")
def folded(small, tmp_path_factory):
    """The file of a small IResNet, with its batch norms folded where that is possible."""
    return write(small, tmp_path_factory.mktemp("onnx") / "folded.onnx")


@pytest.fixture(scope="module")
def unfolded(small, tmp_path_factory):
    return write(small, tmp_path_factory.mktemp("onnx") / "unfolded.onnx", **UNFOLDED)


@pytest.fixture
def changed(folded, tmp_path):
    """A function that changes the folded file's graph by another one and gives the new file."""

    def change(edit, file=folded):
        model = onnx.load(file)
        edit(model.graph)
        (tmp_path / "changed.onnx").write_bytes(model.SerializeToString())
        return tmp_path / "changed.onnx"

    return change


def nodes_of(graph, op):
    return [node for node in graph.node if node.op_type == op]


def insert(graph, node, *after):
    """Put nodes behind one; what read its output reads the last one's."""
    old, new = node.output[0], after[-1].output[0]
    for other in graph.node:
        other.input[:] = [new if name == old else name for name in other.input]
    after[0].input[0] = old
    position = list(graph.node).index(node) + 1
    for offset, item in enumerate(after):
        graph.node.insert(position + offset, item)


def add_constant(graph, name, values, dtype=np.float32):
    graph.initializer.append(numpy_helper.from_array(np.asarray(values, dtype), name))


# --- what is read ----------------------------------------------------------------------------------------------


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


def test_identities_and_dropout_pass_values_on(small, changed):
    def pass_on(graph):
        insert(graph, nodes_of(graph, "Conv")[0], helper.make_node("Identity", [""], ["same"]))
        batch_norm = nodes_of(graph, "BatchNormalization")[-2]
        insert(graph, batch_norm, helper.make_node("Dropout", [""], ["kept", "mask"]))

    assert difference(small, changed(pass_on)) < 2e-6


# --- what the file says about its images -----------------------------------------------------------------------


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


def test_properties_of_the_file_are_given_back(folded, tmp_path):
    model = onnx.load(folded)
    helper.set_model_props(model, {"channel_order": "BGR"})
    onnx.save(model, tmp_path / "stated.onnx")
    assert read_onnx_network(tmp_path / "stated.onnx").metadata == {"channel_order": "BGR"}


# --- what is refused -------------------------------------------------------------------------------------------


def remove_block(graph):
    last = nodes_of(graph, "Add")[-1]
    for node in graph.node:
        node.input[:] = [last.input[1] if name == last.output[0] else name for name in node.input]


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


def change_epsilon(graph):
    epsilon = next(item for item in nodes_of(graph, "BatchNormalization")[0].attribute if item.name == "epsilon")
    epsilon.f = 1e-3


def spoil_epsilon(graph):
    epsilon = next(item for item in nodes_of(graph, "BatchNormalization")[0].attribute if item.name == "epsilon")
    epsilon.CopyFrom(helper.make_attribute("epsilon", "small"))


def train_batch_norm(graph):
    nodes_of(graph, "BatchNormalization")[1].attribute.append(helper.make_attribute("training_mode", 1))


def share_slopes(graph):
    add_constant(graph, "slope", [0.25])
    nodes_of(graph, "PRelu")[0].input[1] = "slope"


def add_output(graph):
    graph.output.append(helper.make_tensor_value_info(nodes_of(graph, "Gemm")[0].output[0], TensorProto.FLOAT, None))


def keep_weights_outside(graph):
    tensor = graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../weights.bin")


def make_weight_variable(graph):
    insert(graph, nodes_of(graph, "Gemm")[0], helper.make_node("Gemm", ["", graph.input[0].name], ["squared"]))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (remove_block, "7 shortcuts"),
        (add_relu, r"Relu \(output 'rectified'\), expected BatchNormalization"),
        (rewire_shortcut, r"Add \(output '.*'\) adds"),
        (rewire_downsample, "expected Conv"),
        (add_softmax, r"Softmax \(output 'probabilities'\), expected the graph's output"),
        (add_branch, r"Mul \(output 'gated'\)"),
        (change_stride, r"Conv \(output '.*'\) has strides \(2, 2\), expected \(1, 1\)"),
        (change_epsilon, "epsilon .*0.001"),
        (spoil_epsilon, "epsilon .*small"),
        (train_batch_norm, "training_mode 1, expected 0"),
        (share_slopes, r"shape \(1,\) as input 1, expected a constant of the shape \(8, 1, 1\)"),
        (add_output, "2 outputs"),
        (keep_weights_outside, "another file"),
        (make_weight_variable, "2 Gemm"),
    ],
)
def test_departure_is_named(changed, edit, message):
    with pytest.raises(FembError, match=message):
        read_onnx_network(changed(edit))


def test_foreign_classifier_is_refused(tmp_path):
    classifier = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 30 * 30, 10), nn.Softmax(1))
    classifier.input_size = 32
    with pytest.raises(FembError, match="0 shortcuts: expected 8"):
        read_onnx_network(write(classifier, tmp_path / "classifier.onnx"))


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", bytes(range(256)) * 40], ids=["empty", "page", "bytes"])
def test_other_content_is_refused(tmp_path, content):
    file = tmp_path / "network.onnx"
    file.write_bytes(content)
    with pytest.raises(FembError, match=r"network\.onnx"):
        read_onnx_network(file)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(FembError, match="no model at"):
        read_onnx_network(tmp_path / "absent.onnx")


def test_truncated_file_is_refused(folded, tmp_path):
    content = folded.read_bytes()
    for length in range(1, len(content), len(content) // 20):
        (tmp_path / "short.onnx").write_bytes(content[:length])
        with pytest.raises(FembError):
            read_onnx_network(tmp_path / "short.onnx")


def test_damage_ends_in_a_clear_error_or_not_at_all(folded, tmp_path):
    """Bytes of the structure, not only of the weights: the graph's nodes come first in the file."""
    content, generator = folded.read_bytes(), random.Random(0)
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(3):
            damaged[generator.randrange(9000)] = generator.randrange(256)
        (tmp_path / "damaged.onnx").write_bytes(damaged)
        try:
            read_onnx_network(tmp_path / "damaged.onnx")
        except FembError as error:
            assert error.message
