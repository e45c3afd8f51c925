"""State dicts in official files: inside other mappings, or with a prefix on every name."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from femb_cli.errors import FembError

StateDict = Mapping[str, Tensor]

MOST_KEYS = 2
"""How many keys may lead to a state dict, as in `content["checkpoint"]["model"]`."""


def find_state_dicts(content: Any, keys: tuple[str, ...] = ()) -> dict[tuple[str, ...], dict[str, Tensor]]:
    """Return the named tensors of a file's content, and of the mappings in it, by the keys that lead to them.

    Counters, settings and optimizers, which stand beside the tensors in files of training programs, are left out.
    """
    if not isinstance(content, Mapping):
        return {}
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    tensors = {name: value for name, value in named.items() if isinstance(value, Tensor)}
    found = {keys: tensors} if tensors else {}
    if len(keys) < MOST_KEYS:
        for name, value in named.items():
            found |= find_state_dicts(value, (*keys, name))
    return found


def refuse_unusual(tensors: StateDict, where: str) -> None:
    """Refuse tensors that torch cannot compute with, and tensors whose storage is smaller than their shape.

    Raises:
        FembError: naming the first such tensor.
    """
    for name, tensor in tensors.items():
        if not _is_plain(tensor):
            raise FembError(
                f"{where}: the tensor {name} is not made of plain numbers"
                f" ({tensor.dtype}, {tensor.layout}, {tensor.device})"
            )
        # Otherwise a file of a few bytes could ask for any amount of memory: torch.ones(1).expand(10**10).
        if tensor.numel() * tensor.itemsize > tensor.untyped_storage().nbytes():
            raise FembError(
                f"{where}: the tensor {name} {tuple(tensor.shape)} repeats numbers: it is larger than its storage"
            )


def _is_plain(tensor: Tensor) -> bool:
    """Whether torch can compute with it: not sparse, nested, quantised, complex, of 8 bits or without data."""
    is_in_memory = tensor.layout is torch.strided and tensor.device.type == "cpu" and not tensor.is_nested
    is_short = tensor.is_floating_point() and tensor.itemsize < 2
    return is_in_memory and not (tensor.is_quantized or tensor.is_complex() or is_short)


def without_prefix(tensors: StateDict, prefix: str) -> dict[str, Tensor]:
    """Return the tensors under a prefix, removed once: MagFace's last layer is called `features`, like its prefix."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def length(tensors: StateDict, name: str) -> int:
    """Return the size of a tensor's first dimension.

    Raises:
        KeyError: there is no such tensor.
        ValueError: it has no dimensions or no elements.
    """
    if not tensors[name].ndim or not tensors[name].numel():
        raise ValueError(f"{name} has the shape {tuple(tensors[name].shape)}")
    return len(tensors[name])
