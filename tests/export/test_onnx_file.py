"""ONNX files: nothing of this machine inside, and not larger than a protobuf may be."""

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
from femb_cli.export.onnx_file import write_onnx
from femb_cli.inference import load_embedder


def test_no_path_of_the_machine_is_in_the_file(onnx_file):
    assert b"iresnet.py" not in onnx_file.read_bytes()


@pytest.mark.parametrize("half, hint", [(False, "--half"), (True, "--format pt2")])
def test_more_weights_than_a_protobuf_holds_are_refused(half, hint, tmp_path):
    pytest.importorskip("onnxscript")
    with torch.device("meta"):
        network = torch.nn.Linear(2**15, 2**15 + 2**14)
    with pytest.raises(FembError, match="an ONNX file holds 2") as caught:
        write_onnx(network, torch.zeros(2, 2**15), {}, tmp_path / "model.onnx", half=half)
    assert hint in caught.value.hint


@pytest.mark.slow
def test_a_network_with_gates_is_exported_and_embeds_as_before(tmp_path):
    pytest.importorskip("onnxruntime")
    config = IResNetConfig("irse18", embedding_dim=8, input_size=32, width=0.125)
    save_checkpoint(tmp_path / "gated", build_configured_backbone(config), ModelCard(config, Preprocessing(32)))
    export_checkpoint(open_checkpoint(tmp_path / "gated"), tmp_path / "gated.onnx", ExportPlan("onnx"))
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    expected = load_embedder(tmp_path / "gated", "cpu")(images)
    np.testing.assert_allclose(load_embedder(tmp_path / "gated.onnx", "cpu")(images), expected, atol=1e-4)
