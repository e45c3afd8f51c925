"""Models under femb's own names that femb never wrote: each once ended its loading with something else than a word."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import LARGEST_INPUT, ModelCard
from femb_cli.checkpoints.inspection import inspect_model
from femb_cli.checkpoints.store import read_metadata, save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.inference import load_embedder

CONFIG = IResNetConfig("iresnet18", width=1 / 16, embedding_dim=8, input_size=32)


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    card = ModelCard(CONFIG, Preprocessing(input_size=32))
    weights = {"weight": torch.ones(3, 8)}
    save_checkpoint(tmp_path / "saved", build_configured_backbone(CONFIG), card, classifier=weights)
    return tmp_path / "saved"


def restate(checkpoint, **changes):
    """Change numbers of the backbone, wherever the metadata has them."""
    file = checkpoint / "model.safetensors"
    metadata, tensors = read_metadata(file), {name: t.clone() for name, t in load_file(file).items()}
    metadata |= {name: str(value) for name, value in changes.items()}
    metadata["backbone"] = json.dumps({**json.loads(metadata["backbone"]), **changes})
    save_file(tensors, file, metadata=metadata)


@pytest.mark.parametrize(
    "name, value",
    [("width", 1e9), ("width", 1e300), ("embedding_dim", 2**62), ("embedding_dim", 2**63), ("embedding_dim", 10**40)],
)
@pytest.mark.parametrize("read", [load_embedder, inspect_model])
def test_a_network_larger_than_torch_can_count_is_refused(checkpoint, read, name, value):
    restate(checkpoint, **{name: value})
    with pytest.raises(FembError, match=r"model\.safetensors"):
        read(checkpoint)


def test_an_input_of_gigabytes_is_refused_with_the_file(checkpoint):
    restate(checkpoint, input_size=LARGEST_INPUT + 1)
    with pytest.raises(FembError, match=r"model\.safetensors has damaged metadata.*input_size 2049"):
        load_embedder(checkpoint)


def test_a_header_with_shapes_beyond_torch_is_refused(checkpoint):
    file = checkpoint / "model.safetensors"
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["x"] = {"dtype": "F32", "shape": [0, 2**62, 2], "data_offsets": [0, 0]}
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    with pytest.raises(FembError, match=r"model\.safetensors is not a readable safetensors file"):
        load_embedder(checkpoint)


@pytest.mark.parametrize("tensors", [{}, {"other": torch.ones(1)}, {"weight": torch.tensor(1.0)}])
def test_class_weights_that_are_none_are_refused_by_file(checkpoint, tensors):
    save_file(tensors, checkpoint / "classifier.safetensors")
    with pytest.raises(FembError, match=r"classifier\.safetensors"):
        inspect_model(checkpoint)


@pytest.fixture
def save_graph(tmp_path):
    """Writes an ONNX file of one node, with a card of femb's."""
    helper = pytest.importorskip("onnx.helper", reason="the graphs are made with onnx")
    pytest.importorskip("onnxruntime", reason="the graphs are run by onnxruntime")

    def save(operator, *, input_size=32, **settings):
        images = helper.make_tensor_value_info("images", 1, ["batch", 3, 32, 32])
        embeddings = helper.make_empty_tensor_value_info("embeddings")
        node = helper.make_node(operator, ["images"], ["embeddings"], **settings)
        graph = helper.make_graph([node], "odd", [images], [embeddings])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        config = replace(CONFIG, input_size=input_size)
        card = ModelCard(config, Preprocessing(input_size=input_size), fingerprint="AACAPw==")
        for key, value in card.to_metadata().items():
            model.metadata_props.add(key=key, value=value)
        (tmp_path / "odd.onnx").write_bytes(model.SerializeToString())
        return tmp_path / "odd.onnx"

    return save


@pytest.mark.parametrize(
    "operator, settings",
    [("Cast", {"to": 8}), ("Cast", {"to": 7}), ("ReduceSum", {"keepdims": 0}), ("SequenceConstruct", {})],
    ids=["texts", "whole numbers", "a number", "a sequence"],
)
def test_a_graph_that_gives_no_embeddings_is_refused(save_graph, operator, settings):
    with pytest.raises(FembError, match=r"odd\.onnx gives no embeddings"):
        load_embedder(save_graph(operator, **settings), "cpu")


def test_a_graph_for_images_of_another_size_is_refused(save_graph):
    with pytest.raises(FembError, match=r"odd\.onnx cannot be run"):
        load_embedder(save_graph("Flatten", input_size=48), "cpu")


def test_metadata_that_is_no_text_is_refused_and_nothing_is_printed(save_graph, capfd):
    file = save_graph("Flatten")
    file.write_bytes(file.read_bytes().replace(b"femb-checkpoint-1", b"femb-checkpoint-\xff"))
    with pytest.raises(FembError, match=r"odd\.onnx is not a readable ONNX file"):
        load_embedder(file, "cpu")
    assert capfd.readouterr().out == ""
