"""Networks in the precision that a device computes fast, as far as their embeddings stay the same.

A whole network in bfloat16, numbers of 8 bits, gives embeddings with a cosine of 0.999 to those in float32: too far for
thresholds that were measured in float32. Most is lost in the narrow layers at the beginning, in depthwise convolutions
and in the sums of the blocks, while the wide layers take most of the time. So only wide layers compute in bfloat16, and
fewer of them in a deeper network. float16, numbers of 11 bits, is precise enough for whole networks, but a network may
exceed its range. `docs/benchmarks.md` has the cosines.

Shapes: B images, D embedding dimension.
"""

import copy
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from femb_cli.runtime.devices import has_bfloat16

Precision = Literal["float32", "bfloat16", "float16"]

LEAST_COSINE = 0.9998
"""Of the fast embedding of any image and the exact one."""
LEAST_COSINE_OF_SAMPLES = 0.9999
"""Of a few sample images, so that other images keep `LEAST_COSINE`."""
FEWEST_INPUTS = (128, 256, 512)
"""Channels or features of its input from which on a layer is wide; the first that keeps the embeddings is taken."""


def fastest_precision(device: torch.device) -> Precision:
    """Return the fastest precision that a device has units for."""
    if device.type == "cuda":
        return "float16" if torch.cuda.get_device_capability(device) >= (7, 0) else "float32"
    return "bfloat16" if device.type == "cpu" and has_bfloat16(device) else "float32"


@torch.inference_mode()
def in_fastest_precision(network: nn.Module, samples_B3HW: Tensor) -> tuple[nn.Module, Precision]:
    """Return a network that computes as fast as the samples' device can without changing their embeddings.

    Args:
        network: float32 (B, 3, H, W) to float32 (B, D), in evaluation mode; it stays as it is.
        samples_B3HW: preprocessed images on its device.

    Returns:
        The network, which also maps float32 to float32, and its precision.
    """
    precision = fastest_precision(samples_B3HW.device)
    if precision != "float32":
        exact_BD = network(samples_B3HW)
        for candidate in _candidates(network, precision):
            if least_cosine(candidate(samples_B3HW), exact_BD) >= LEAST_COSINE_OF_SAMPLES:
                return candidate, precision
    return network, "float32"


def least_cosine(found_BD: Tensor, exact_BD: Tensor) -> float:
    """Return the smallest cosine of an embedding to the exact one; NaN if one is not finite."""
    return torch.cosine_similarity(found_BD, exact_BD).min().item()


def _candidates(network: nn.Module, precision: Precision) -> Iterator[nn.Module]:
    """Yield networks of one precision, the fastest first."""
    if precision == "float16":
        yield _InFloat16(network)
        return
    for fewest_inputs in FEWEST_INPUTS:
        yield _with_wide_layers_in_bfloat16(network, fewest_inputs)


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


def _with_wide_layers_in_bfloat16(network: nn.Module, fewest_inputs: int) -> nn.Module:
    """Return a copy whose wide layers take and give float32, and compute in bfloat16."""
    copied = copy.deepcopy(network)
    for layer in copied.modules():
        if _num_inputs(layer) >= fewest_inputs:
            layer.to(torch.bfloat16)
            layer.register_forward_pre_hook(lambda _, inputs: (inputs[0].bfloat16(),))
            layer.register_forward_hook(lambda _, inputs, output: output.float())
    return copied


def _num_inputs(layer: nn.Module) -> int:
    """Return the channels or features that a layer combines in a matrix product; 0 if it is no such layer."""
    if isinstance(layer, nn.Conv2d):
        return layer.in_channels if layer.groups == 1 else 0
    return layer.in_features if isinstance(layer, nn.Linear) else 0
