"""Exports that compute: written, opened again as a stranger would, and compared with the original."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.fingerprint import fingerprint
from femb_cli.checkpoints.store import Checkpoint
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.export.calibration import calibration_images
from femb_cli.export.half import round_weights
from femb_cli.export.int8 import quantize
from femb_cli.export.onnx_file import write_onnx
from femb_cli.export.parity import Comparison, check_images, cosines, largest_difference
from femb_cli.export.plan import ExportPlan
from femb_cli.export.torch_files import open_program, open_torchscript, write_program, write_torchscript
from femb_cli.inference.embedder import Embedder, embedder_of
from femb_cli.inference.onnx_runtime import INPUT, OUTPUT, PIXELS, ExportedNetwork, open_onnx

OPENERS: dict[str, Callable[[Path], ExportedNetwork]] = {
    "onnx": open_onnx,
    "torchscript": open_torchscript,
    "pt2": open_program,
}


def export_graph(checkpoint: Checkpoint, plan: ExportPlan, file: Path) -> Comparison:
    """Write a checkpoint's network as a graph and compare what it computes with the original.

    Raises:
        FembError: the exported network differs by more than rounding from torch with the same weights, or an image for
            the calibration cannot be read.
    """
    original, card = checkpoint.load_backbone(), checkpoint.card
    size = card.preprocessing.input_size
    images = check_images(size) if plan.calibration is None else calibration_images(plan.calibration, size)
    weights = round_weights(original) if plan.half else original
    # Processors saturate and round 8-bit sums in ways of their own: no answer holds for all.
    answer = "" if plan.int8 else fingerprint(weights, card.preprocessing)
    _write(weights, replace(card, fingerprint=answer), plan, file)
    if plan.int8:
        quantize(file, None if plan.calibration is None else _inputs(images, card.preprocessing, plan))
    return _compare(original, weights, OPENERS[plan.format](file), card, images)


def _compare(
    original: Backbone, weights: Backbone, exported: ExportedNetwork, card: ModelCard, images_BHW3: Tensor
) -> Comparison:
    """Hold what was written against torch with the same weights, and other weights against the original's."""
    found, precision = _embedder(exported, card), exported.metadata["precision"]
    difference, mean, least = None, None, None
    if precision != "int8":
        difference = largest_difference(_embedder(weights, card), found, images_BHW3)
    if precision != "float32":
        cosines_B = cosines(_embedder(original, card), found, images_BHW3)
        mean, least = cosines_B.mean().item(), cosines_B.min().item()
    return Comparison(len(images_BHW3), difference, mean, least)


def _write(weights: Backbone, card: ModelCard, plan: ExportPlan, file: Path) -> None:
    network = FromPixels(weights, card.preprocessing).eval() if plan.with_preprocessing else weights
    size = card.preprocessing.input_size
    example = _inputs(torch.zeros(2, size, size, 3, dtype=torch.uint8), card.preprocessing, plan)
    metadata = {**card.to_metadata(), **_describe_input(card.preprocessing, plan)}
    if plan.format == "torchscript":
        write_torchscript(network, example, metadata, file)
    elif plan.format == "pt2":
        write_program(network, example, metadata, file)
    else:
        write_onnx(network, example, metadata, file, half=plan.half)


def _inputs(images_BHW3: Tensor, preprocessing: Preprocessing, plan: ExportPlan) -> Tensor:
    """What the graph takes of these images."""
    return images_BHW3 if plan.with_preprocessing else preprocessing(images_BHW3)


def _describe_input(preprocessing: Preprocessing, plan: ExportPlan) -> dict[str, str]:
    """What a program has to know to feed the graph."""
    size = preprocessing.input_size
    values = f"float32 {preprocessing.channel_order} NCHW, (x / 255 - mean) / std"
    shape = f"(batch, {size}, {size}, 3)" if plan.with_preprocessing else f"(batch, 3, {size}, {size})"
    return {
        "input": PIXELS if plan.with_preprocessing else values,
        "input_name": INPUT,
        "input_shape": shape,
        "output_name": OUTPUT,
        "precision": plan.precision,
    }


def _embedder(network: Backbone | ExportedNetwork, card: ModelCard) -> Embedder:
    """What embeds images by this network, on the CPU."""
    name, device = card.backbone.name, torch.device("cpu")
    if isinstance(network, Backbone):
        return embedder_of(network, card, name=name, device=device)
    preprocessing = network.preprocessing(card.preprocessing)
    return embedder_of(network.network, card, name=name, device=device, preprocessing=preprocessing)


class FromPixels(nn.Module):
    """A backbone that takes images as they are, so that nobody can get its colours or its value range wrong.

    Args:
        backbone: the network.
        preprocessing: what it expects.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, backbone: Backbone, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.backbone, self.is_bgr = backbone, preprocessing.channel_order == "BGR"
        self.register_buffer("scale", torch.tensor(preprocessing.scale)[:, None, None])
        self.register_buffer("shift", torch.tensor(preprocessing.shift)[:, None, None])

    def forward(self, images_BHW3: Tensor) -> Tensor:
        """Map uint8 RGB images of the network's input size to raw embeddings (B, D)."""
        images_B3HW = images_BHW3.permute(0, 3, 1, 2)
        if self.is_bgr:
            images_B3HW = images_B3HW.flip(1)
        return self.backbone(images_B3HW.float() * self.scale + self.shift)
