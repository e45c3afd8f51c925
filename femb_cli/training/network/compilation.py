"""Compile a network in training with torch.compile.

The weights stay where they are, and so do their names: the network is verified and saved as before.
"""

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException

from femb_cli.errors import FembError
from femb_cli.text import cut


def compile_network(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return a function that computes what a network computes; its first call compiles, and all must have one shape.

    The function raises FembError if torch cannot compile the network on this machine.
    """
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it misses a GPU that nobody has asked for
    compiled = torch.compile(network, dynamic=False)

    def compute(images_B3HW: Tensor) -> Tensor:
        try:
            embeddings_BD: Tensor = compiled(images_B3HW)
        except TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise FembError(
                f"torch cannot compile the backbone here: {cut(reason)}", hint="--set compile=false trains without"
            ) from error
        return embeddings_BD

    return compute
