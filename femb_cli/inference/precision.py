"""The precision in which a network embeds fast, and the network in that precision.

A whole network in bfloat16, numbers of 8 bits, gives embeddings with a cosine of 0.999 to those in float32: too far for
thresholds that were measured in float32. What is lost is lost in the narrow layers at the beginning, in depthwise
convolutions, and by adding up blocks in bfloat16, while the wide layers take most of the time. So only these compute in
bfloat16. float16, numbers of 11 bits, is precise enough for whole networks. `docs/benchmarks.md` has the cosines.
"""

import copy
from typing import Literal

import torch
from torch import Tensor, nn

from femb_cli.runtime.devices import has_bfloat16

Precision = Literal["float32", "bfloat16", "float16"]

FEWEST_INPUTS = 128
"""Channels or features of its input from which on a layer computes in bfloat16."""


def fastest_precision(device: torch.device) -> Precision:
    """Return the fastest precision that a device has units for and that keeps the embeddings."""
    if device.type == "cuda":
        return "float16" if torch.cuda.get_device_capability(device) >= (7, 0) else "float32"
    return "bfloat16" if device.type == "cpu" and has_bfloat16(device) else "float32"


def in_precision(network: nn.Module, precision: Precision) -> nn.Module:
    """Return a network that computes in a precision: float32 (B, 3, H, W) to float32 (B, D); the given one stays."""
    if precision == "float16":
        return _InFloat16(network)
    return network if precision == "float32" else _with_wide_layers_in_bfloat16(network)


class _InFloat16(nn.Module):
    """A network under torch's autocast, which keeps in float32 what float16 has no range for."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Map preprocessed images to embeddings (B, D)."""
        with torch.autocast(images_B3HW.device.type, torch.float16):
            embeddings_BD: Tensor = self.network(images_B3HW)
        return embeddings_BD.float()


def _with_wide_layers_in_bfloat16(network: nn.Module) -> nn.Module:
    """Return a copy whose wide layers take and give float32, and compute in bfloat16."""
    copied = copy.deepcopy(network)
    for layer in copied.modules():
        if _is_wide(layer):
            layer.to(torch.bfloat16)
            layer.register_forward_pre_hook(lambda _, inputs: (inputs[0].bfloat16(),))
            layer.register_forward_hook(lambda _, inputs, output: output.float())
    return copied


def _is_wide(layer: nn.Module) -> bool:
    """Whether a layer is a matrix product over many inputs."""
    if isinstance(layer, nn.Conv2d):
        return layer.groups == 1 and layer.in_channels >= FEWEST_INPUTS
    return isinstance(layer, nn.Linear) and layer.in_features >= FEWEST_INPUTS
