"""ONNX files as plain graphs: what passes a value on, what is constant, and what is refused."""

import random

import onnx
import pytest
from onnx import TensorProto, helper
from onnx_graphs import difference, insert, nodes_of

from femb_cli.checkpoints.official.onnx.graph import read_onnx_graph
from femb_cli.checkpoints.official.onnx.network import read_onnx_network
from femb_cli.errors import FembError


def test_a_graph_has_the_nodes_in_order_and_the_weights_as_constants(folded, small):
    graph = read_onnx_graph(folded)
    convolutions = [node for node in graph.nodes if node.op == "Conv"]
    assert len(convolutions) == 1 + 2 * 8 + 4  # the first one, two in each block, the stages' shortcuts
    assert graph.readers(graph.input) == [convolutions[0]]
    assert graph.constants[convolutions[0].inputs[1]].shape == tuple(small.conv1.weight.shape)
    assert graph.input_shape == (1, 3, 32, 32)


def test_identities_and_dropout_pass_values_on(small, changed):
    def pass_on(graph):
        insert(graph, nodes_of(graph, "Conv")[0], helper.make_node("Identity", [""], ["same"]))
        batch_norm = nodes_of(graph, "BatchNormalization")[-2]
        insert(graph, batch_norm, helper.make_node("Dropout", [""], ["kept", "mask"]))

    assert difference(small, changed(pass_on)) < 2e-6


def test_properties_of_the_file_are_given_back(folded, tmp_path):
    model = onnx.load(folded)
    helper.set_model_props(model, {"channel_order": "BGR"})
    onnx.save(model, tmp_path / "stated.onnx")
    assert read_onnx_network(tmp_path / "stated.onnx").metadata == {"channel_order": "BGR"}


def add_output(graph):
    graph.output.append(helper.make_tensor_value_info(nodes_of(graph, "Gemm")[0].output[0], TensorProto.FLOAT, None))


def keep_weights_outside(graph):
    tensor = graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../weights.bin")


@pytest.mark.parametrize(("edit", "message"), [(add_output, "2 outputs"), (keep_weights_outside, "another file")])
def test_a_file_that_is_no_single_graph_is_refused(changed, edit, message):
    with pytest.raises(FembError, match=message):
        read_onnx_network(changed(edit))


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
