"""Export a network as a graph: write the file, open it again, and compare what it computes with the original."""

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
from femb_cli.progress import ShowProgress, unseen

OPENERS: dict[str, Callable[[Path], ExportedNetwork]] = {
    "onnx": open_onnx,
    "torchscript": open_torchscript,
    "pt2": open_program,
}


def export_graph(
    checkpoint: Checkpoint, plan: ExportPlan, file: Path, show_progress: ShowProgress = unseen
) -> Comparison:
    """Write a checkpoint's network as a graph and compare what it computes with the original.

    Raises:
        FembError: the exported network differs by more than rounding from torch with the same weights, or an image for
            the calibration cannot be read.
    """
    original, card = checkpoint.load_backbone(), checkpoint.card
    size = card.preprocessing.input_size
    images = check_images(size) if plan.calibration is None else calibration_images(plan.calibration, size)
    weights = round_weights(original) if plan.half else original
    # Processors saturate and round 8-bit sums differently, so an 8-bit network has no fingerprint.
    new_fingerprint = "" if plan.int8 else fingerprint(weights, card.preprocessing)
    # Its cosines differ, too, so the thresholds of the network do not hold for it.
    thresholds = () if plan.int8 else card.thresholds
    with show_progress("writing the graph"):
        _write(weights, replace(card, fingerprint=new_fingerprint, thresholds=thresholds), plan, file)
    if plan.int8:
        with show_progress("calibrating" if plan.calibration else "making 8-bit weights") as progress:
            inputs = None if plan.calibration is None else _to_input(images, card.preprocessing, plan)
            quantize(file, inputs, progress)
    with show_progress("comparing it with the original"):
        return _compare(original, weights, OPENERS[plan.format](file), images, plan)


def _write(weights: Backbone, card: ModelCard, plan: ExportPlan, file: Path) -> None:
    network = FromPixels(weights, card.preprocessing).eval() if plan.with_preprocessing else weights
    size = card.preprocessing.input_size
    example = _to_input(torch.zeros(2, size, size, 3, dtype=torch.uint8), card.preprocessing, plan)
    metadata = {**card.to_metadata(), **_describe_input(card.preprocessing, plan)}
    if plan.format == "torchscript":
        write_torchscript(network, example, metadata, file)
    elif plan.format == "pt2":
        write_program(network, example, metadata, file)
    else:
        write_onnx(network, example, metadata, file, half=plan.half)


def _to_input(images_BHW3: Tensor, preprocessing: Preprocessing, plan: ExportPlan) -> Tensor:
    """Return the graph's input for these images."""
    return images_BHW3 if plan.with_preprocessing else preprocessing(images_BHW3)


def _describe_input(preprocessing: Preprocessing, plan: ExportPlan) -> dict[str, str]:
    """Describe the graph's input and output for other programs."""
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


def _compare(
    original: Backbone, weights: Backbone, exported: ExportedNetwork, images_BHW3: Tensor, plan: ExportPlan
) -> Comparison:
    """Compare the graph with torch: with the same weights, and if these were rounded, with the original ones."""
    card = exported.card
    found = _embedder(exported, card, exported.preprocessing)
    difference, mean, least = None, None, None
    if plan.precision != "int8":
        difference = largest_difference(_embedder(weights, card, card.preprocessing), found, images_BHW3)
    if plan.precision != "float32":
        cosines_B = cosines(_embedder(original, card, card.preprocessing), found, images_BHW3)
        mean, least = cosines_B.mean().item(), cosines_B.min().item()
    return Comparison(len(images_BHW3), difference, mean, least)


def _embedder(network: Callable[[Tensor], Tensor], card: ModelCard, preprocessing: Preprocessing) -> Embedder:
    return embedder_of(network, card, name=card.backbone.name, device=torch.device("cpu"), preprocessing=preprocessing)


class FromPixels(nn.Module):
    """A backbone that takes uint8 images, so that no program can give it the wrong colours or range of values.

    Args:
        backbone: the network.
        preprocessing: what the network expects of its images.
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
