"""What `femb export` says."""

import json

from thresholds import threshold

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing

SMALL = IResNetConfig("iresnet18", embedding_dim=8, width=0.0625)


def test_the_command_says_what_was_measured(femb, trained):
    result = femb("export", trained, "-o", "model.ts", "--with-preprocessing", "--json")
    found = json.loads(result.out)
    size = json.loads(femb("inspect", trained, "--json").out)["input_size"]
    assert found["input"] == f"(batch, {size}, {size}, 3)"
    assert found["relative_difference"] <= 1e-4
    assert "in batches of 1, 3 and 64" in result.err


def test_a_dry_run_says_what_would_be_made_and_makes_nothing(femb, trained, tmp_path):
    result = femb("export", trained, "--format", "onnx", "--dry-run", "--json")
    found = json.loads(result.out)
    assert (found["format"], found["precision"], found["path"]) == ("onnx", "float32", f"{trained.name}.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_lists_the_known(femb, trained):
    result = femb("export", trained, "--format", "caffe")
    assert result.code == 2
    assert "onnx" in result.err and "magface" in result.err


def test_a_layout_of_another_program_is_said_to_store_no_mirror_images(femb, tmp_path):
    card = ModelCard(SMALL, Preprocessing(112, "RGB"), flip="sum", thresholds=(threshold(),))
    save_checkpoint(tmp_path / "model", build_configured_backbone(SMALL), card)
    result = femb("export", "model", "-o", "model.pth", "--format", "arcface", "--dry-run")
    assert "not stored in this layout: mirror images are added (--flip sum), and 1 threshold" in result.err
    assert "not stored" not in femb("export", "model", "-o", "model.safetensors", "--dry-run").err
