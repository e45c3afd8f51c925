"""Networks of 8-bit integers, with and without images to calibrate them."""

from dataclasses import replace

import pytest
from exported import SIZE
from PIL import Image

from femb_cli.export import ExportPlan, export_checkpoint
from femb_cli.export.parity import check_images
from femb_cli.inference import load_embedder


def test_int8_says_what_it_costs_on_the_images_of_the_calibration(checkpoint, tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "faces").mkdir()
    for index, image in enumerate(check_images(SIZE)[:20].numpy()):
        Image.fromarray(image).save(tmp_path / f"faces/{index}.png")
    plan = ExportPlan("onnx", int8=True, calibration=tmp_path / "faces")
    comparison = export_checkpoint(checkpoint, tmp_path / "int8.onnx", plan)
    assert comparison.num_images == 20
    assert comparison.relative_difference is None
    assert 0.9 < comparison.least_cosine <= comparison.mean_cosine < 1
    embedder = load_embedder(tmp_path / "int8.onnx", "cpu")
    assert embedder.card == replace(checkpoint.card, fingerprint="", thresholds=())
    assert (tmp_path / "int8.onnx").stat().st_size < checkpoint.model_file.stat().st_size / 2


@pytest.mark.slow
def test_int8_works_without_images(checkpoint, tmp_path):
    pytest.importorskip("onnxruntime")
    plan = ExportPlan("onnx", int8=True, with_preprocessing=True)
    comparison = export_checkpoint(checkpoint, tmp_path / "int8.onnx", plan)
    assert comparison.mean_cosine > 0.8
