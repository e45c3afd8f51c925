"""ONNX files as plain graphs: what passes a value on, what is constant, and what is refused."""

import random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_graphs import add_constant, difference, insert, nodes_of

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


def test_a_file_of_two_inputs_is_refused(changed):
    def add_input(graph):
        graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))

    with pytest.raises(FembError, match="2 inputs and 1 outputs"):
        read_onnx_network(changed(add_input))


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "a/b", "..", "", "C:\\weights", "w\0"])
def test_weights_in_another_folder_are_refused(changed, location):
    def keep_weights_outside(graph):
        tensor = graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    with pytest.raises(FembError, match="opens only a file in the same folder"):
        read_onnx_network(changed(keep_weights_outside))


def test_weights_beside_the_file_are_read(small, folded, tmp_path):
    onnx.save(onnx.load(folded), tmp_path / "n.onnx", save_as_external_data=True, location="n.data", size_threshold=0)
    assert difference(small, tmp_path / "n.onnx") < 2e-6
    (tmp_path / "n.data").write_bytes((tmp_path / "n.data").read_bytes()[:-4])
    with pytest.raises(FembError, match=r"n\.data does not hold the weights"):
        read_onnx_network(tmp_path / "n.onnx")
    (tmp_path / "n.data").unlink()
    with pytest.raises(FembError, match=r"'n\.data', which is not beside it"):
        read_onnx_network(tmp_path / "n.onnx")


def test_constants_that_would_grow_are_not_computed(changed, folded):
    def grow(graph):
        add_constant(graph, "sizes", [2**40, 2**20], np.int64)
        graph.node.insert(0, helper.make_node("ConstantOfShape", ["sizes"], ["huge"]))

    assert "huge" not in read_onnx_graph(changed(grow)).constants


def test_a_chain_of_copies_ends_at_the_budget(changed):
    def copy(graph):
        last = graph.initializer[0].name
        for number in range(1000):
            graph.node.insert(
                number, helper.make_node("Concat", [last, graph.initializer[0].name], [f"copy{number}"], axis=0)
            )
            last = f"copy{number}"

    constants = read_onnx_graph(changed(copy)).constants
    assert "copy0" in constants and "copy999" not in constants


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
