"""Exports are written whole or not at all."""

import pytest
from exported import SIZE

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.schema import MobileFaceNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.export import ExportPlan, export_checkpoint


def test_a_failed_export_leaves_nothing(tmp_path):
    config = MobileFaceNetConfig("mobilefacenet", embedding_dim=8, input_size=SIZE)
    save_checkpoint(tmp_path / "foamliu", build_configured_backbone(config), ModelCard(config, Preprocessing(SIZE)))
    with pytest.raises(FembError, match="arcface_torch has no mobilefacenet"):
        export_checkpoint(open_checkpoint(tmp_path / "foamliu"), tmp_path / "x.pth", ExportPlan("arcface"))
    assert [path.name for path in tmp_path.iterdir()] == ["foamliu"]


def test_a_safetensors_file_is_the_checkpoints_own(checkpoint, tmp_path):
    export_checkpoint(checkpoint, tmp_path / "model.safetensors", ExportPlan("safetensors"))
    assert (tmp_path / "model.safetensors").read_bytes() == checkpoint.model_file.read_bytes()


def test_an_existing_file_is_kept_unless_asked_otherwise(checkpoint, tmp_path):
    (tmp_path / "model.safetensors").write_text("old")
    with pytest.raises(FembError, match="exists already"):
        export_checkpoint(checkpoint, tmp_path / "model.safetensors", ExportPlan("safetensors"))
    export_checkpoint(checkpoint, tmp_path / "model.safetensors", ExportPlan("safetensors"), overwrite=True)
    assert (tmp_path / "model.safetensors").read_bytes() == checkpoint.model_file.read_bytes()
