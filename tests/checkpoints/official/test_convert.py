"""Conversion of official layouts, on networks small enough to make here."""

import hashlib
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from femb_cli.backbones import build_backbone
from femb_cli.backbones.iresnet import CHANNELS
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.official import FAMILIES, convert_checkpoint
from femb_cli.checkpoints.official.networks.iresnet import width_of
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError, UsageError
from femb_cli.export import ExportPlan, export_checkpoint
from femb_cli.inference import load_embedder


def tensors():
    torch.manual_seed(0)
    return build_backbone("iresnet18", width=0.125, embedding_dim=8, input_size=32).state_dict()


def as_magface(prefix, classifier="module.fc.weight"):
    named = {prefix + name: tensor for name, tensor in tensors().items()}
    class_weights = torch.zeros(8, 5) if classifier == "module.fc.weight" else torch.zeros(5, 8)
    return {"epoch": 25, "arch": "iresnet18", "state_dict": {**named, classifier: class_weights}}


def convert(tmp_path, content, **options):
    torch.save(content, tmp_path / "official.pth")
    return convert_checkpoint(tmp_path / "official.pth", tmp_path / "converted", **{"say": lambda _: None} | options)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


def test_arcface_is_recognised_and_kept_exactly(tmp_path):
    card = convert(tmp_path, tensors())
    assert card.backbone == IResNetConfig("iresnet18", embedding_dim=8, input_size=32, width=0.125)
    assert (card.source["family"], card.flip, card.preprocessing.channel_order) == ("arcface_torch", "sum", "RGB")
    loaded = open_checkpoint(tmp_path / "converted").load_backbone().state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors().items())


@pytest.mark.parametrize(
    "prefix, classifier", [("features.module.", "parallel_fc.weight"), ("module.features.", "module.fc.weight")]
)
def test_magface_is_recognised_under_both_prefixes(tmp_path, prefix, classifier):
    card = convert(tmp_path, as_magface(prefix, classifier))
    assert (card.source["family"], card.flip, card.preprocessing.channel_order) == ("magface", "none", "BGR")
    assert card.backbone.bn_eps == 2e-5
    loaded = open_checkpoint(tmp_path / "converted").load_backbone().state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors().items())


def test_magface_sees_bgr_between_zero_and_one(tmp_path, pixels):
    convert(tmp_path, as_magface("module.features."))
    backbone = build_backbone("iresnet18", width=0.125, embedding_dim=8, input_size=32, bn_eps=2e-5).eval()
    backbone.load_state_dict(tensors())
    with torch.inference_mode():
        expected = backbone(torch.from_numpy(pixels[..., ::-1] / np.float32(255)).permute(0, 3, 1, 2))
    embeddings = load_embedder(tmp_path / "converted", "cpu")(pixels)
    np.testing.assert_allclose(embeddings, expected.numpy(), atol=1e-4 * float(expected.abs().max()))


def test_half_precision_weights_become_float32(tmp_path):
    convert(tmp_path, {name: t.half() if t.is_floating_point() else t for name, t in tensors().items()})
    loaded = open_checkpoint(tmp_path / "converted").load_backbone()
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}


def test_the_source_is_recorded(tmp_path):
    card = convert(tmp_path, tensors())
    digest = hashlib.sha256((tmp_path / "official.pth").read_bytes()).hexdigest()
    assert (card.source["file"], card.source["sha256"]) == ("official.pth", digest)
    assert card.source["repository"] == FAMILIES["arcface_torch"].repository
    assert open_checkpoint(tmp_path / "converted").card == card


def test_a_plain_iresnet_is_taken_for_arcface_torchs_with_a_remark(tmp_path):
    warnings = []
    convert(tmp_path, tensors(), say=warnings.append)
    assert "--from magface" in warnings[0] and "--from seed" in warnings[0]


@pytest.mark.parametrize("name, bn_eps", [("elasticface", 1e-5), ("MagFace", 2e-5), ("seed", 2e-5), ("arcface", 1e-5)])
def test_a_plain_iresnet_is_whose_one_says(tmp_path, name, bn_eps):
    card = convert(tmp_path, tensors(), family_name=name)
    assert card.source["family"].startswith(name.lower())
    assert card.backbone.bn_eps == bn_eps


def test_magfaces_class_weights_become_one_row_an_identity(tmp_path):
    content = as_magface("module.features.")
    content["state_dict"]["module.fc.weight"] = torch.arange(40.0).reshape(8, 5)
    card = convert(tmp_path, content)
    weight = load_file(tmp_path / "converted/classifier.safetensors")["weight"]
    assert torch.equal(weight, torch.arange(40.0).reshape(8, 5).T)
    assert (card.num_identities, card.magnitude_is_quality) == (5, True)


def test_the_layouts_are_recognised_in_safetensors_too(tmp_path):
    save_file(as_magface("features.module.", "parallel_fc.weight")["state_dict"], tmp_path / "model.safetensors")
    card = convert_checkpoint(tmp_path / "model.safetensors", tmp_path / "converted")
    assert card.source["family"] == "magface"


def test_a_damaged_byte_in_an_archive_is_noticed(tmp_path):
    torch.save(tensors(), tmp_path / "bad.pth")
    content = bytearray((tmp_path / "bad.pth").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(FembError, match=r"bad\.pth is not a checkpoint .*damaged"):
        convert_checkpoint(tmp_path / "bad.pth", tmp_path / "converted")


def test_an_existing_checkpoint_is_kept(tmp_path):
    convert(tmp_path, tensors())
    with pytest.raises(FembError, match="exists already"):
        convert(tmp_path, tensors())
    convert(tmp_path, tensors(), overwrite=True)


def test_an_unknown_family_lists_the_known(tmp_path):
    with pytest.raises(UsageError, match="arcface_torch, magface, elasticface"):
        convert(tmp_path, tensors(), family_name="facenet")


def test_a_family_that_is_asked_for_is_not_guessed(tmp_path):
    content = {f"backbone.{name}": tensor for name, tensor in tensors().items()}
    with pytest.raises(FembError, match=r"not of the family magface: .* prefix 'backbone\.'"):
        convert(tmp_path, content, family_name="magface")
    with pytest.raises(FembError, match="not of the family tface"):
        convert(tmp_path, content, family_name="tface")


class MakesFolder:
    """Unpickling an instance makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_code_in_a_file_is_never_run(tmp_path):
    marker = tmp_path / "code_was_executed"
    with pytest.raises(FembError, match="not a checkpoint that can be loaded safely") as caught:
        convert(tmp_path, {"state_dict": tensors(), "meta": MakesFolder(marker)})
    assert "never runs the code" in caught.value.hint
    assert not marker.exists()
    assert not (tmp_path / "converted").exists()


def with_changed(**changes):
    changed = tensors()
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
        ({**tensors(), "layer9.weight": torch.zeros(1)}, "left over .*layer9.weight"),
        (with_changed(fc__bias=torch.full((8,), float("nan"))), "fc.bias .*not finite"),
        ({**tensors(), "layer1.2.bn1.weight": torch.zeros(8)}, r"\(3, 2, 2, 2\) blocks"),
        ({"weight": torch.zeros(3)}, "no family .*weight"),
        ({}, "no family"),
        ([1, 2], "no family .*list"),
        ({"state_dict": {"weight": torch.zeros(3)}}, "no family"),
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


def test_a_linear_layer_of_one_dimension_is_refused(tmp_path):
    with pytest.raises(FembError, match=r"fc\.weight"):
        convert(tmp_path, with_changed(fc__weight=torch.zeros(8)))


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"PK\x03\x04 cut short", (2**62).to_bytes(8, "little")])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(FembError, match=r"bad\.pth is not a checkpoint"):
        convert_checkpoint(tmp_path / "bad.pth", tmp_path / "converted")


@pytest.mark.parametrize(
    "name, content",
    [
        ("bad.safetensors", (2**62).to_bytes(8, "little") + b'{"a":'),
        ("bad.pth", b"\x80\x02e."),
    ],
)
def test_damage_with_an_error_of_its_own_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FembError, match=f"{name} is not a checkpoint"):
        convert_checkpoint(tmp_path / name, tmp_path / "converted")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FembError, match=r"no file at .*missing\.pth"):
        convert_checkpoint(tmp_path / "missing.pth", tmp_path / "converted")


@pytest.mark.parametrize("width", [0.05, 0.1, 0.33, 0.5, 1.0, 1.5])
def test_the_width_that_is_found_gives_the_channels_that_are_there(width):
    channels = [max(1, round(width * usual)) for usual in CHANNELS]
    found = width_of(channels)
    assert [max(1, round(found * usual)) for usual in CHANNELS] == channels


def test_stages_of_no_width_are_refused():
    with pytest.raises(FembError, match="stages of 64, 64, 128, 256, 500 channels"):
        width_of([64, 64, 128, 256, 500])


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
