"""Exported graphs compute the same embeddings as the original network."""

import numpy as np
import pytest
import torch
from exported import SIZE, relative

from femb_cli.inference import load_embedder


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_a_graph_that_takes_pixels_embeds_as_the_checkpoint_does(batch, original, onnx_file, script_file):
    images = np.random.default_rng(batch).integers(0, 256, (batch, SIZE, SIZE, 3), dtype=np.uint8)
    exported = load_embedder(onnx_file, "cpu")
    assert relative(exported(images), original(images)) <= 1e-4
    assert relative(exported(images, flip=True), original(images, flip=True)) <= 1e-4
    with torch.inference_mode():
        scripted = torch.jit.load(str(script_file))(torch.from_numpy(images)).numpy()
    assert relative(scripted, original(images)) <= 1e-4


def test_an_onnx_file_carries_the_whole_card(checkpoint, onnx_file):
    assert load_embedder(onnx_file, "cpu").card == checkpoint.card


def test_a_graph_that_takes_pixels_needs_no_more_than_its_input(onnx_file, original):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["input"] == "uint8 RGB NHWC"
    assert metadata["input_shape"] == f"(batch, {SIZE}, {SIZE}, 3)"
    images = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)
    (embeddings,) = session.run([metadata["output_name"]], {metadata["input_name"]: images})
    assert relative(embeddings, original(images)) <= 1e-4


def test_images_of_another_size_are_resized_before_a_graph_that_takes_pixels(onnx_file, original):
    images = np.tile(np.arange(0, 240, 5, dtype=np.uint8)[None, :, None, None], (2, 1, 48, 3))
    # The graph takes whole numbers: resizing rounds by up to half of one.
    assert relative(load_embedder(onnx_file, "cpu")(images), original(images)) <= 0.05
