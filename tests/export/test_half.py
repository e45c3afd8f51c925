"""Weights that are stored as float16."""

import numpy as np
import pytest
import torch

from femb_cli.errors import FembError
from femb_cli.export import ExportPlan, export_checkpoint
from femb_cli.export.half import round_weights
from femb_cli.inference import load_embedder


@pytest.mark.slow
def test_half_stores_the_weights_in_half_the_bytes_and_computes_with_exactly_them(checkpoint, tmp_path):
    onnx = pytest.importorskip("onnx")
    comparison = export_checkpoint(checkpoint, tmp_path / "half.onnx", ExportPlan("onnx", half=True))
    assert comparison.relative_difference <= 1e-4
    assert 0.999 < comparison.least_cosine < 1
    stored = {weight.name: weight for weight in onnx.load(tmp_path / "half.onnx").graph.initializer}
    kept = onnx.numpy_helper.to_array(stored["layer1.0.conv1.weight_float16"])
    assert kept.dtype == np.float16
    rounded = round_weights(checkpoint.load_backbone()).layer1[0].conv1.weight
    assert np.array_equal(kept.astype(np.float32), rounded.detach().numpy())
    load_embedder(tmp_path / "half.onnx", "cpu")  # its fingerprint is that of the rounded weights


def test_a_weight_beyond_float16_is_named(checkpoint):
    backbone = checkpoint.load_backbone()
    with torch.no_grad():
        backbone.fc.weight[0, 0] = 1e5
    with pytest.raises(FembError, match=r"fc\.weight"):
        round_weights(backbone)


def test_norms_slopes_and_biases_keep_their_precision(checkpoint):
    original, rounded = checkpoint.load_backbone().state_dict(), round_weights(checkpoint.load_backbone()).state_dict()
    changed = {name for name, tensor in rounded.items() if not torch.equal(tensor, original[name])}
    assert changed == {name for name, tensor in original.items() if tensor.ndim > 1}
