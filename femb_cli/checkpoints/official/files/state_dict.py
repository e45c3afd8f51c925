"""State dicts in official files: inside a wrapper, or with a prefix on every name."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from femb_cli.errors import FembError

StateDict = Mapping[str, Tensor]

WRAPPERS = ("state_dict_backbone", "state_dict")
"""The keys under which training programs store their network beside counters and an optimizer's state."""


def find_state_dict(content: Any) -> StateDict | None:
    """Return the state dict in a file's content: the content itself or the value of one of `WRAPPERS`, or None."""
    if not isinstance(content, Mapping):
        return None
    candidates = [content, *(content[key] for key in WRAPPERS if key in content)]
    return next((candidate for candidate in candidates if is_state_dict(candidate)), None)


def is_state_dict(content: Any) -> bool:
    """Whether this is a mapping of names to tensors with at least one entry."""
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items())
    )


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
