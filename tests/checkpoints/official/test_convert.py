"""Conversion of official layouts, on networks small enough to make here."""

import hashlib
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from official_files import convert, iresnet, magface
from safetensors.torch import load_file, save_file

from femb_cli.backbones import build_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.official import FAMILIES, convert_checkpoint
from femb_cli.checkpoints.official.published import PUBLISHED
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.export import ExportPlan, export_checkpoint
from femb_cli.inference import load_embedder


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


def test_arcface_is_recognised_and_kept_exactly(tmp_path):
    card = convert(tmp_path, iresnet())
    assert card.backbone == IResNetConfig("iresnet18", embedding_dim=8, input_size=32, width=0.125)
    assert (card.source["family"], card.flip, card.preprocessing.channel_order) == ("arcface_torch", "sum", "RGB")
    loaded = open_checkpoint(tmp_path / "converted").load_backbone().state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in iresnet().items())


def test_magface_sees_bgr_between_zero_and_one(tmp_path, pixels):
    convert(tmp_path, magface("module.features."))
    backbone = build_backbone("iresnet18", width=0.125, embedding_dim=8, input_size=32, bn_eps=2e-5).eval()
    backbone.load_state_dict(iresnet())
    with torch.inference_mode():
        expected = backbone(torch.from_numpy(pixels[..., ::-1] / np.float32(255)).permute(0, 3, 1, 2))
    embeddings = load_embedder(tmp_path / "converted", "cpu")(pixels)
    np.testing.assert_allclose(embeddings, expected.numpy(), atol=1e-4 * float(expected.abs().max()))


def test_half_precision_weights_become_float32(tmp_path):
    convert(tmp_path, {name: t.half() if t.is_floating_point() else t for name, t in iresnet().items()})
    loaded = open_checkpoint(tmp_path / "converted").load_backbone()
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}


def test_the_source_is_recorded(tmp_path):
    card = convert(tmp_path, iresnet())
    digest = hashlib.sha256((tmp_path / "official.pth").read_bytes()).hexdigest()
    assert (card.source["file"], card.source["sha256"]) == ("official.pth", digest)
    assert card.source["layout_of"] == FAMILIES["arcface_torch"].repository
    assert open_checkpoint(tmp_path / "converted").card == card


def test_weights_that_overflow_are_refused_and_nothing_is_left(tmp_path):
    network = iresnet()
    network["conv1.weight"] = torch.full_like(network["conv1.weight"], 1e38)
    with pytest.raises(FembError, match="not finite"):
        convert(tmp_path, network)
    assert not (tmp_path / "converted").exists()


def test_an_existing_checkpoint_is_kept(tmp_path):
    convert(tmp_path, iresnet())
    with pytest.raises(FembError, match="exists already"):
        convert(tmp_path, iresnet())
    convert(tmp_path, iresnet(), overwrite=True)


def with_changed(**changes):
    changed = iresnet()
    for name, tensor in changes.items():
        changed.pop(name.replace("__", "."))
        if tensor is not None:
            changed[name.replace("__", ".")] = tensor
    return changed


@pytest.mark.parametrize(
    "content, complaint",
    [
        (with_changed(fc__bias=None), "missing .*fc.bias"),
        (with_changed(fc__bias=torch.zeros(9)), r"fc.bias \(9,\) for \(8,\)"),
        ({**iresnet(), "layer9.weight": torch.zeros(1)}, "left over .*layer9.weight"),
        (with_changed(fc__bias=torch.full((8,), float("nan"))), "fc.bias .*not finite"),
        ({**iresnet(), "layer1.2.bn1.weight": torch.zeros(8)}, r"\(3, 2, 2, 2\) blocks"),
        ({"weight": torch.zeros(3)}, "no known family.*weight"),
        ({}, "no known family"),
        ([1, 2], "no known family.*list"),
        ({"state_dict": {"weight": torch.zeros(3)}}, "no known family"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tensors_that_do_not_fit_are_refused_by_name(tmp_path, content, complaint):
    with pytest.raises(FembError, match=complaint):
        convert(tmp_path, content)
    assert not (tmp_path / "converted").exists()


@pytest.mark.parametrize("name", ["bn2.weight", "conv1.weight"])
def test_a_missing_tensor_that_says_the_architecture_is_named(tmp_path, name):
    with pytest.raises(FembError, match=name):
        convert(tmp_path, with_changed(**{name.replace(".", "__"): None}))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FembError, match=r"no file at .*missing\.pth"):
        convert_checkpoint(tmp_path / "missing.pth", tmp_path / "converted")


@pytest.fixture
def own_magface(tmp_path):
    """A checkpoint whose settings its tensors do not tell."""
    config = IResNetConfig("iresnet18", width=0.125, embedding_dim=8, input_size=32, bn_eps=2e-5)
    pixels = Preprocessing(32, "BGR", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    card = ModelCard(config, pixels, flip="none", source={"license": "secret"})
    backbone = build_backbone("iresnet18", width=0.125, embedding_dim=8, input_size=32, bn_eps=2e-5)
    return save_checkpoint(tmp_path / "own", backbone, card)


def test_what_femb_has_written_keeps_its_card(own_magface, tmp_path):
    again = convert_checkpoint(tmp_path / "own" / "model.safetensors", tmp_path / "again")
    assert replace(again, fingerprint="") == replace(own_magface, fingerprint="")
    (tmp_path / "hub").mkdir()
    shutil.copy(tmp_path / "own" / "model.safetensors", tmp_path / "hub")
    (tmp_path / "hub" / "config.json").write_text("{}")
    once_more = convert_checkpoint(tmp_path / "hub", tmp_path / "once_more")
    assert replace(once_more, fingerprint="") == replace(own_magface, fingerprint="")


@pytest.mark.slow
def test_an_onnx_file_of_femb_keeps_its_card(own_magface, tmp_path):
    pytest.importorskip("onnxruntime")
    export_checkpoint(open_checkpoint(tmp_path / "own"), tmp_path / "own.onnx", ExportPlan("onnx"))
    card = convert_checkpoint(tmp_path / "own.onnx", tmp_path / "again")
    assert replace(card, fingerprint="") == replace(own_magface, fingerprint="")


def test_a_file_of_femb_whose_tensors_were_changed_is_refused(own_magface, tmp_path):
    file = tmp_path / "own" / "model.safetensors"
    tensors, metadata = load_file(file), own_magface.to_metadata()
    tensors["conv1.weight"] = tensors["conv1.weight"].flip(1).contiguous()
    save_file(tensors, file, metadata)
    with pytest.raises(FembError, match="does not match its fingerprint"):
        convert_checkpoint(file, tmp_path / "again")


@pytest.fixture
def plain_onnx(tmp_path):
    """A small network in an ONNX file that states nothing."""
    pytest.importorskip("onnx")
    from onnx_graphs import network, write

    return write(network("iresnet18"), tmp_path / "plain.onnx")


def test_the_pixels_of_an_onnx_file_are_assumed_aloud_or_stated(plain_onnx, tmp_path):
    said = []
    assumed = convert_checkpoint(plain_onnx, tmp_path / "assumed", say=said.append)
    assert "taken for one of insightface's, RGB, (x / 255 - 0.5) / 0.5; plain.yaml" in said[0]
    convert_checkpoint(plain_onnx, tmp_path / "named", "insightface", say=said.append)
    assert len(said) == 1
    plain_onnx.with_suffix(".yaml").write_text("{channel_order: BGR, pixel_range: 255, mean: 0, std: 255, flip: none}")
    stated = convert_checkpoint(plain_onnx, tmp_path / "stated", say=said.append)
    assert (stated.preprocessing.channel_order, stated.preprocessing.mean, stated.flip) == ("BGR", (0, 0, 0), "none")
    assert stated.preprocessing.std == pytest.approx((1, 1, 1))
    assert len(said) == 1 and stated.source["family"] == "onnx" and assumed.source["family"] == "insightface"


def test_only_a_known_file_is_attributed_to_the_project_whose_layout_it_has(tmp_path, monkeypatch):
    source = convert(tmp_path, iresnet()).source
    assert "repository" not in source and "license" not in source
    assert source["license_of_authors"] == FAMILIES["arcface_torch"].license
    known = replace(PUBLISHED["mobilefacenet_foamliu"], sha256=source["sha256"])
    monkeypatch.setitem(PUBLISHED, "mobilefacenet_foamliu", known)
    source = convert(tmp_path, iresnet(), overwrite=True).source
    assert (source["repository"], source["license"]) == (
        FAMILIES["arcface_torch"].repository,
        FAMILIES["arcface_torch"].license,
    )
