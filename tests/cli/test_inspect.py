"""What `femb inspect` tells of a model."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.checksums import CHECKSUMS
from femb_cli.checkpoints.store import read_metadata, save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing

SMALL = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625, bn_eps=2e-5)
CARD = ModelCard(
    SMALL,
    Preprocessing(16, "BGR", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    flip="none",
    header={"name": "magface", "l_a": 10.0, "easy_margin": True, "gradient": None},
    num_identities=85742,
    source={
        "repository": "https://example.org/magface",
        "file": "magface_epoch_00025.pth",
        "sha256": "0123456789abcdef" * 4,
        "license": "see the repository",
        "training_data": "MS1MV2",
    },
    magnitude_is_quality=True,
)


@pytest.fixture
def converted(tmp_path) -> Path:
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "converted", build_configured_backbone(SMALL), CARD)
    (tmp_path / "converted" / CHECKSUMS).unlink()  # a test changes the file
    return tmp_path / "converted"


def lines(text: str) -> dict[str, str]:
    """Names and texts, wrapped lines joined."""
    facts: dict[str, str] = {}
    for line in text.splitlines():
        name = line[:14].strip()
        if name:
            facts[name] = line[15:]
        else:
            facts[list(facts)[-1]] += " " + line.strip()
    return facts


def test_a_converted_checkpoint_is_told_in_words(femb, converted):
    result = femb("inspect", "converted")
    assert result.code == 0, result.err
    facts = lines(result.out)
    assert facts["checkpoint"] == "converted"
    assert facts["network"].startswith("iresnet18 of width 0.0625: 0.")
    assert facts["pixels"] == "BGR, x / 255, 16 x 16"
    assert facts["mirror images"] == "not used"
    assert facts["magnitude"] == "measures the image's quality"
    assert facts["header"] == "magface (l_a 10, easy_margin)"
    assert facts["trained on"] == "MS1MV2, 85 742 identities"
    assert facts["weights from"] == "https://example.org/magface"
    assert facts["original file"] == "magface_epoch_00025.pth, SHA-256 0123456789ab..."
    assert facts["licence"] == "see the repository"
    assert facts["fingerprint"] == "ok"
    assert "femb train --init" in facts["training"]


@pytest.mark.parametrize(
    "mean, std, words",
    [
        ((0.5,) * 3, (0.5,) * 3, "RGB, (x / 255 - 0.5) / 0.5, 16 x 16"),
        ((0.0,) * 3, (0.5,) * 3, "RGB, x / 255 / 0.5, 16 x 16"),
        ((0.4, 0.5, 0.6), (1.0,) * 3, "RGB, (x / 255 - (0.4, 0.5, 0.6)), 16 x 16"),
    ],
)
def test_pixels_are_told_as_a_formula(femb, tmp_path, mean, std, words):
    card = ModelCard(SMALL, Preprocessing(16, mean=mean, std=std))
    save_checkpoint(tmp_path / "model", build_configured_backbone(SMALL), card)
    assert lines(femb("inspect", "model").out)["pixels"] == words


def test_a_run_is_told_with_its_result_on_one_screen(femb, trained):
    result = femb("inspect", trained)
    assert result.code == 0, result.err
    facts = lines(result.out)
    assert facts["run"] == str(trained)
    assert facts["training"] == "8 steps done, can be resumed, with class weights of 20 identities"
    assert "of pairs right" in facts["synthetic"]
    shown = [line for line in result.out.splitlines() if str(trained) not in line]
    assert len(shown) < 24
    assert max(map(len, shown)) <= 80


def test_the_curves_of_a_run_are_a_page_or_a_picture(femb, trained, converted, tmp_path):
    assert "wrote run.html" in femb("inspect", trained, "-o", "run.html").err
    assert "Loss" in (tmp_path / "run.html").read_text(encoding="utf-8")
    assert femb("inspect", trained, "-o", "run.png").code == 0
    assert Image.open(tmp_path / "run.png").size[0] > 900
    assert "has no curves" in femb("inspect", converted, "-o", "weights.png").err


def test_json_has_everything_in_full(femb, trained, converted):
    facts = json.loads(femb("inspect", "converted", "--json").out)
    assert facts["source"] == dict(CARD.source)
    assert facts["backbone"]["bn_eps"] == 2e-5
    assert (facts["answers_as_stated"], facts["problem"]) == (True, None)
    assert facts["bytes"] == (converted / "model.safetensors").stat().st_size
    run = json.loads(femb("inspect", trained, "--json").out)
    assert run["summary"]["steps"] == run["step"] == 8
    assert run["can_be_resumed"]


def test_a_single_file_is_told(femb, converted):
    (converted / "model.safetensors").rename("model.safetensors")
    facts = lines(femb("inspect", "model.safetensors").out)
    assert facts["file"] == "model.safetensors"
    assert "training" not in facts


def test_an_onnx_file_is_told_by_its_metadata(femb, tmp_path):
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info("x", 1, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [value], [])
    model = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(model, CARD.to_metadata())
    onnx.save(model, tmp_path / "model.onnx")
    facts = lines(femb("inspect", "model.onnx").out)
    assert facts["ONNX file"] == "model.onnx"
    assert facts["pixels"] == "BGR, x / 255, 16 x 16"
    (tmp_path / "model.onnx").write_bytes(b"<html>not found</html>")
    assert "model.onnx is not a readable ONNX file" in femb("inspect", "model.onnx").err


def test_weights_that_do_not_match_their_fingerprint_end_in_an_error(femb, converted):
    file = converted / "model.safetensors"
    tensors, metadata = load_file(file), read_metadata(file)
    save_file(tensors, file, metadata=metadata | {"channel_order": "RGB"})
    result = femb("inspect", "converted")
    assert result.code == 1
    assert "does not match" in lines(result.out)["fingerprint"]
    assert "does not match its fingerprint" in result.err
    assert json.loads(femb("inspect", "converted", "--json").out)["answers_as_stated"] is False


def test_an_onnx_file_of_another_program_is_told_with_what_is_stated(femb, tmp_path):
    onnx = pytest.importorskip("onnx")
    value, flat = (
        onnx.helper.make_tensor_value_info(name, 1, shape) for name, shape in (("x", [1, 3, 4, 4]), ("y", [1, 48]))
    )
    graph = onnx.helper.make_graph([onnx.helper.make_node("Flatten", ["x"], ["y"])], "g", [value], [flat])
    onnx.save(onnx.helper.make_model(graph, producer_name="another"), tmp_path / "model.onnx")
    result = femb("inspect", "model.onnx")
    assert result.code == 1 and "write model.yaml with what its authors state" in result.err
    facts = lines(result.out)
    assert facts["takes"] == "'x' (float32, shape 1, 3, 4, 4)" and facts["pixels"] == "not known"
    (tmp_path / "model.yaml").write_text("{channel_order: BGR, pixel_range: 255, mean: 127.5, std: 128}")
    result = femb("inspect", "model.onnx")
    facts = lines(result.out)
    assert result.code == 0, result.err
    assert facts["stated by"] == "model.yaml" and facts["pixels"] == "BGR, (x - 127.5) / 128, 4 x 4"
    assert facts["batches"] == "1 at a time"
    assert json.loads(femb("inspect", "model.onnx", "--json").out)["stated_by"] == "model.yaml"
