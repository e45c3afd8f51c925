"""A small checkpoint, and what was exported of it."""

import pytest
import torch
from exported import CARD, SIZE, SMALL

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.export import ExportPlan, export_checkpoint
from femb_cli.inference import load_embedder


def network():
    torch.manual_seed(0)
    backbone = build_configured_backbone(SMALL).train()
    with torch.no_grad():  # statistics that are not 0 and 1
        backbone(torch.randn(8, 3, SIZE, SIZE) + 0.3)
    return backbone.eval()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "small"
    save_checkpoint(path, network(), CARD)
    return open_checkpoint(path)


@pytest.fixture(scope="session")
def original(checkpoint):
    return load_embedder(checkpoint.path, "cpu")


@pytest.fixture(scope="session")
def onnx_file(checkpoint, tmp_path_factory):
    pytest.importorskip("onnxruntime")
    file = tmp_path_factory.mktemp("onnx") / "model.onnx"
    comparison = export_checkpoint(checkpoint, file, ExportPlan("onnx", with_preprocessing=True))
    assert comparison.relative_difference <= 1e-4
    return file


@pytest.fixture(scope="session")
def script_file(checkpoint, tmp_path_factory):
    file = tmp_path_factory.mktemp("script") / "model.ts"
    export_checkpoint(checkpoint, file, ExportPlan("torchscript", with_preprocessing=True))
    return file


@pytest.fixture(scope="session")
def program_file(checkpoint, tmp_path_factory):
    file = tmp_path_factory.mktemp("program") / "model.pt2"
    export_checkpoint(checkpoint, file, ExportPlan("pt2", with_preprocessing=True))
    return file
