"""Compile a network with torch.compile, for training and for embedding.

The weights stay where they are, and so do their names: the network is verified and saved as before.
"""

import logging
import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from femb_cli.errors import FembError
from femb_cli.text import cut

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def can_compile(device: "str | torch.device | None") -> bool:
    """Whether this machine has what torch compiles with: Triton for a GPU, a C++ compiler for a CPU."""
    from torch.utils._triton import has_triton

    from femb_cli.runtime.devices import pick_device

    kind = pick_device(device).type
    if kind == "cuda":
        return bool(has_triton())
    has_compiler = shutil.which(os.environ.get("CXX", "g++")) is not None
    return kind == "cpu" and sys.platform != "win32" and has_compiler


def compile_network(network: "nn.Module", *, without: str, frozen: bool = False) -> "Callable[[Tensor], Tensor]":
    """Return a function that computes what a network computes; its first call compiles, and all must have one shape.

    The function raises FembError if torch cannot compile the network on this machine.

    Args:
        network: the network.
        without: how to do without, the hint of that error.
        frozen: take the weights as constants, which batch norms are folded into; without gradients only.
    """
    import torch
    from torch._dynamo.exc import TorchDynamoException

    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it misses a GPU that nobody has asked for
    compiled = torch.compile(network, dynamic=False, options={"freezing": True} if frozen else None)

    def compute(images_B3HW: "Tensor") -> "Tensor":
        try:
            embeddings_BD: Tensor = compiled(images_B3HW)
        except TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise FembError(f"torch cannot compile the backbone here: {cut(reason)}", hint=without) from error
        return embeddings_BD

    return compute
