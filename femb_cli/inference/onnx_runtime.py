"""Run exported networks: ONNX files with onnxruntime, and TorchScript and torch.export files with torch.

A graph takes either preprocessed images or the images themselves (uint8 RGB (B, H, W, 3) of the network's input size).
The data type of its input shows which one.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.onnx_file import first_line, onnx_errors
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.runtime.devices import named_device

INPUT = "images"
OUTPUT = "embeddings"
PIXELS = "uint8 RGB NHWC"
"""The value of `input` in the metadata of a graph that takes images without preprocessing."""

CARD_FILE = "femb.json"
"""The name of the metadata inside a TorchScript or torch.export file."""


class ExportedNetwork:
    """An exported graph that can be called like a backbone.

    Args:
        run: the graph: its input to embeddings (B, D), on the CPU.
        metadata: the strings in its file, which include the model card.
        takes_pixels: whether its input is uint8 images.
        where: the file, for error messages.

    Attributes:
        card: the network's model card.
        preprocessing: the preprocessing that the graph's input needs.
    """

    def __init__(
        self, run: Callable[[Tensor], Tensor], metadata: Mapping[str, str], *, takes_pixels: bool, where: str
    ) -> None:
        self.run, self.takes_pixels = run, takes_pixels
        self.card = ModelCard.from_metadata(metadata, where)
        pixels = self.card.preprocessing
        self.preprocessing = _only_resize(pixels.input_size) if takes_pixels else pixels

    def __call__(self, images_B3HW: Tensor) -> Tensor:
        """Map images that went through `preprocessing` to raw embeddings (B, D)."""
        if not self.takes_pixels:
            return self.run(images_B3HW)
        return self.run(images_B3HW.permute(0, 2, 3, 1).round().to(torch.uint8).contiguous())


def open_onnx(path: Path, device: str | torch.device | None = "cpu") -> ExportedNetwork:
    """Open an ONNX file with onnxruntime. Its inputs and outputs are CPU tensors on every device.

    Args:
        path: a file that femb exported.
        device: where to compute; None: a GPU if onnxruntime can use one.

    Raises:
        FembError: the file is missing, damaged or without a model card, onnxruntime is missing, or it cannot use the
            device.
    """
    session, metadata = open_session(path, device)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise FembError(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs: expected images and embeddings")

    def run(images: Tensor) -> Tensor:
        embeddings = run_session(session, path, images.numpy(), outputs[0].name)
        if not isinstance(embeddings, np.ndarray) or embeddings.dtype.kind != "f" or embeddings.ndim != 2:
            raise FembError(f"{path} gives no embeddings (batch, dim), but {outputs[0].type} {outputs[0].shape}")
        return torch.from_numpy(embeddings)

    return ExportedNetwork(run, metadata, takes_pixels=inputs[0].type == "tensor(uint8)", where=str(path))


def run_session(session: Any, path: Path, images: NDArray[Any], output: str) -> Any:
    """Run the graph of an `onnxruntime.InferenceSession` on its one input and return one output.

    Raises:
        FembError: the graph cannot be run.
    """
    try:
        return session.run([output], {session.get_inputs()[0].name: images})[0]
    except Exception as error:  # onnxruntime's errors have no base class in common
        raise FembError(f"{path} cannot be run: {first_line(error)}") from error


def open_session(path: Path, device: str | torch.device | None) -> tuple[Any, dict[str, str]]:
    """Return an `onnxruntime.InferenceSession` and the metadata in the file."""
    with onnx_errors(path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()  # one process of several has not all cores
        options.log_severity_level = 4  # logs nothing: errors are raised in any case
        providers = _choose_providers(device, onnxruntime.get_available_providers())
        # onnxruntime's fallback would only try the same providers again, and print that on stdout.
        session = onnxruntime.InferenceSession(str(path), options, providers=providers, enable_fallback=False)
        return session, dict(session.get_modelmeta().custom_metadata_map)


def _choose_providers(device: str | torch.device | None, available: list[str]) -> list[Any]:
    """Return the providers of onnxruntime to try, best first."""
    has_gpu = "CUDAExecutionProvider" in available
    if device is None:
        device = "cuda" if has_gpu else "cpu"
    wanted = named_device(device)
    if wanted.type == "cpu":
        return ["CPUExecutionProvider"]
    if wanted.type != "cuda" or not has_gpu:
        raise FembError(
            f"onnxruntime cannot compute on {str(device)!r} here: it has {', '.join(available)}",
            hint="--device cpu, or for NVIDIA GPUs: pip install onnxruntime-gpu",
        )
    # TF32 has three digits, too few for the fingerprint.
    return [("CUDAExecutionProvider", {"device_id": wanted.index or 0, "use_tf32": 0}), "CPUExecutionProvider"]


def _only_resize(input_size: int) -> Preprocessing:
    """Return a preprocessing that only resizes: the values stay from 0 to 255."""
    return Preprocessing(input_size, "RGB", mean=(0.0, 0.0, 0.0), std=(1 / 255, 1 / 255, 1 / 255))
