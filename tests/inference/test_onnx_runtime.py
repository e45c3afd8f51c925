"""ONNX and other exported files as models: taken when they say what they are, else refused with a way out."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.export import ExportPlan, export_checkpoint
from femb_cli.inference import load_embedder

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SMALL = IResNetConfig("iresnet18", embedding_dim=8, input_size=32, width=0.0625)


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    torch.manual_seed(0)
    save_checkpoint(folder / "saved", build_configured_backbone(SMALL), ModelCard(SMALL, Preprocessing(32)))
    export_checkpoint(open_checkpoint(folder / "saved"), folder / "model.onnx", ExportPlan("onnx"))
    return folder / "model.onnx"


def changed(file, folder, change):
    model = onnx.load(file)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    change(metadata)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, folder / "changed.onnx")
    return folder / "changed.onnx"


def test_an_onnx_file_embeds_as_its_checkpoint(onnx_file):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    expected = load_embedder(onnx_file.parent / "saved", "cpu")(images)
    found = load_embedder(onnx_file, "cpu")(images)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


def test_a_file_that_says_nothing_of_its_pixels_points_to_the_converter(onnx_file, tmp_path):
    foreign = changed(onnx_file, tmp_path, dict.clear)
    with pytest.raises(FembError, match="does not say which colours and value range") as caught:
        load_embedder(foreign, "cpu")
    assert f"femb convert-checkpoint {foreign} DIR" in caught.value.hint


def test_metadata_that_were_changed_are_noticed_by_the_answer(onnx_file, tmp_path):
    lying = changed(onnx_file, tmp_path, lambda metadata: metadata.update(mean=json.dumps([0, 0, 0])))
    with pytest.raises(FembError, match="does not match its fingerprint"):
        load_embedder(lying, "cpu")


def test_a_file_without_a_fingerprint_is_taken(onnx_file, tmp_path):
    old = changed(onnx_file, tmp_path, lambda metadata: metadata.pop("fingerprint"))
    assert load_embedder(old, "cpu").card.fingerprint == ""


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"PK\x03\x04 cut short"])
def test_a_damaged_file_is_refused_by_name(tmp_path, content):
    (tmp_path / "bad.onnx").write_bytes(content)
    with pytest.raises(FembError, match=r"bad\.onnx is not a readable"):
        load_embedder(tmp_path / "bad.onnx", "cpu")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FembError, match=r"no model at .*missing\.onnx"):
        load_embedder(tmp_path / "missing.onnx")


@pytest.mark.parametrize("device", ["nowhere", "mps"])
def test_a_device_that_onnxruntime_has_not_is_refused(onnx_file, device):
    with pytest.raises(FembError, match=f"'{device}'"):
        load_embedder(onnx_file, device)


@pytest.fixture
def save_graph(tmp_path):
    """Writes an ONNX file of one node, with a card of femb's."""
    helper = onnx.helper

    def save(operator, *, input_size=32, **settings):
        images = helper.make_tensor_value_info("images", 1, ["batch", 3, 32, 32])
        embeddings = helper.make_empty_tensor_value_info("embeddings")
        node = helper.make_node(operator, ["images"], ["embeddings"], **settings)
        graph = helper.make_graph([node], "odd", [images], [embeddings])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        config = replace(SMALL, input_size=input_size)
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
