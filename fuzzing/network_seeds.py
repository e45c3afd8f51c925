"""The seeds of the formats `onnx` and `mxnet`: one small network as PyTorch exports it, and as MXNet writes it."""

import io
import struct
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from checkpoint_seeds import CONFIG, network_tensors
from seeds import Seed

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.official.files.mxnet_params import FIRST_VERSION, MAGIC

PIXELS = b"channel_order: RGB\npixel_range: 1\nmean: 0.5\nstd: [0.5, 0.5, 0.25]\nflip: sum\n"
"""What states the pixels of an ONNX file of another program."""

OUTSIDE = {"conv1": "conv0", "bn1": "bn0", "prelu": "relu0", "bn2": "bn1", "fc": "pre_fc1", "features": "fc1"}
INSIDE = {"prelu": "relu1", "downsample.0": "conv1sc", "downsample.1": "sc"}
LEAVES = {"running_mean": "moving_mean", "running_var": "moving_var"}
NORM_LEAVES = {**LEAVES, "weight": "gamma", "bias": "beta"}
WITHOUT_NORM = ("conv0", "conv1", "conv2", "conv1sc", "pre_fc1")


def onnx_seeds() -> Iterator[Seed]:
    """Graphs with folded and unfolded constants, and other programs' networks with their pixels stated."""
    backbone = build_configured_backbone(CONFIG)
    backbone.load_state_dict(network_tensors())
    backbone.eval()
    unfolded = {"do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE}
    for options in ({}, unfolded, {"dynamic_axes": {"images": {0: "batch"}}}):
        yield Seed({"model.onnx": _exported(backbone, **options)}, "model.onnx")
    scaled = torch.nn.Sequential(_Pixels(), backbone, _Normalise()).eval()
    yield Seed({"model.onnx": _exported(scaled)}, "model.onnx")
    yield Seed({"model.onnx": _exported(backbone), "model.yaml": PIXELS}, "model.onnx")
    other = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, 4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(256, 8)
    )
    yield Seed({"model.onnx": _exported(other.eval()), "model.yaml": PIXELS}, "model.onnx")


def mxnet_seeds() -> Iterator[Seed]:
    """Files of insightface's network in each version of the format."""
    arrays = dict(_as_mxnet(network_tensors()))
    for version in (0, FIRST_VERSION, FIRST_VERSION + 1, FIRST_VERSION + 2):
        yield Seed({"model-0000.params": _params(arrays, version)}, "model-0000.params")


class _Pixels(torch.nn.Module):
    """The step from pixels to the network's input."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return numbers around 0."""
        return (images - 127.5) / 128


class _Normalise(torch.nn.Module):
    """The step to embeddings of length 1."""

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Return the embeddings divided by their lengths."""
        return torch.nn.functional.normalize(embeddings)


def _exported(network: torch.nn.Module, **options: object) -> bytes:
    buffer = io.BytesIO()
    names = {"input_names": ["images"], "output_names": ["embeddings"]}
    torch.onnx.export(network, (torch.zeros(1, 3, 32, 32),), buffer, dynamo=False, opset_version=13, **names, **options)
    return buffer.getvalue()


def _as_mxnet(network: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the tensors under the names of insightface's MXNet code."""
    for name, tensor in network.items():
        module, leaf = name.rsplit(".", 1)
        if leaf == "num_batches_tracked":
            continue
        if module.startswith("layer"):
            stage, unit, layer = module.removeprefix("layer").split(".", 2)
            module = f"stage{stage}_unit{int(unit) + 1}_{INSIDE.get(layer, layer)}"
        else:
            module = OUTSIDE[module]
        leaves = LEAVES if module.endswith(WITHOUT_NORM) else NORM_LEAVES
        kind = "aux" if leaf.startswith("running") else "arg"
        yield f"{kind}:{module}_{leaves.get(leaf, leaf)}", np.ascontiguousarray(tensor.numpy())


def _params(arrays: Mapping[str, np.ndarray], version: int) -> bytes:
    """Return a file of arrays; version 0 is the format before there were versions."""
    content = MAGIC + struct.pack("<Q", len(arrays))
    for array in arrays.values():
        content += struct.pack("<I", version) if version else b""
        content += struct.pack("<i", 0) if version > FIRST_VERSION else b""
        content += struct.pack(f"<I{array.ndim}{'q' if version else 'I'}", array.ndim, *array.shape)
        content += struct.pack("<iii", 1, 0, 0) + array.tobytes()
    content += struct.pack("<Q", len(arrays))
    return content + b"".join(struct.pack("<Q", len(name)) + name.encode() for name in arrays)
