"""Exported networks, run by the programs that they were exported for.

A graph takes either what the card's preprocessing makes of images, or the images themselves: uint8 RGB (B, H, W, 3) of
the network's input size. Which of the two, its input's number type says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError

INPUT = "images"
OUTPUT = "embeddings"
PIXELS = "uint8 RGB NHWC"
"""What the metadata's `input` says of a graph that takes images as they are."""

CARD_FILE = "femb.json"
"""The metadata's name inside a TorchScript or torch.export file."""


@dataclass(frozen=True)
class ExportedNetwork:
    """A graph that can be run.

    Attributes:
        run: the graph's input to embeddings (B, D).
        metadata: the texts that the file carries.
        takes_pixels: whether its input are uint8 images.
    """

    run: Callable[[Tensor], Tensor]
    metadata: Mapping[str, str]
    takes_pixels: bool

    def preprocessing(self, of_network: Preprocessing) -> Preprocessing:
        """What is left to do before `network`, given what the network inside expects."""
        if not self.takes_pixels:
            return of_network
        # The values from 0 to 255 as they are.
        return Preprocessing(of_network.input_size, "RGB", mean=(0.0, 0.0, 0.0), std=(1 / 255, 1 / 255, 1 / 255))

    def network(self, inputs_B3HW: Tensor) -> Tensor:
        """Map what `preprocessing` gives to embeddings (B, D)."""
        if not self.takes_pixels:
            return self.run(inputs_B3HW)
        return self.run(inputs_B3HW.permute(0, 2, 3, 1).round().to(torch.uint8).contiguous())


class ExportedBackbone(Backbone):
    """A graph in the form of a backbone, for what asks for one.

    Args:
        exported: the graph, on the CPU.
        card: what the network inside is.
    """

    def __init__(self, exported: ExportedNetwork, card: ModelCard) -> None:
        super().__init__()
        self.exported = exported
        self.embedding_dim, self.input_size = card.backbone.embedding_dim, card.preprocessing.input_size

    def forward(self, inputs_B3HW: Tensor) -> Tensor:
        """Map images to raw embeddings (B, D)."""
        return self.exported.network(inputs_B3HW)


def open_onnx(path: Path, device: str | torch.device | None = "cpu") -> ExportedNetwork:
    """Open an ONNX file for onnxruntime; it takes and gives tensors on the CPU wherever it computes.

    Args:
        path: the file.
        device: where to compute; None: a GPU where onnxruntime can use one.

    Raises:
        FembError: the file is damaged, onnxruntime is missing, or it cannot use the device.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise FembError("reading ONNX files needs onnxruntime", hint="pip install 'femb[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # none: errors are raised, too
    providers = _providers(device, onnxruntime.get_available_providers())
    try:
        # Falling back is falling back to the same, and printed where a result belongs.
        session = onnxruntime.InferenceSession(str(path), options, providers=providers, enable_fallback=False)
        metadata = dict(session.get_modelmeta().custom_metadata_map)
    except Exception as error:  # onnxruntime's errors share no base class of their own
        raise FembError(f"{path} is not a readable ONNX file: {_first_line(error)}") from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise FembError(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs, not one each: images, embeddings")

    def run(images: Tensor) -> Tensor:
        try:
            embeddings = session.run(None, {inputs[0].name: images.numpy()})[0]
        except Exception as error:
            raise FembError(f"{path} cannot be run: {_first_line(error)}") from error
        if not isinstance(embeddings, np.ndarray) or embeddings.dtype.kind != "f" or embeddings.ndim != 2:
            raise FembError(f"{path} gives no embeddings (images, numbers), but {outputs[0].type} {outputs[0].shape}")
        return torch.from_numpy(embeddings)

    return ExportedNetwork(run, metadata, takes_pixels=inputs[0].type == "tensor(uint8)")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _providers(device: str | torch.device | None, available: list[str]) -> list[Any]:
    """The providers of onnxruntime to try, best first."""
    has_gpu = "CUDAExecutionProvider" in available
    if device is None:
        device = "cuda" if has_gpu else "cpu"
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise FembError(f"cannot use the device {str(device)!r}: {str(error).splitlines()[0]}") from error
    if wanted.type == "cpu":
        return ["CPUExecutionProvider"]
    if wanted.type != "cuda" or not has_gpu:
        raise FembError(
            f"onnxruntime cannot compute on {str(device)!r} here: it has {', '.join(available)}",
            hint="--device cpu, or for NVIDIA GPUs: pip install onnxruntime-gpu",
        )
    # TF32 keeps three digits, too few for the fingerprint.
    return [("CUDAExecutionProvider", {"device_id": wanted.index or 0, "use_tf32": 0}), "CPUExecutionProvider"]
