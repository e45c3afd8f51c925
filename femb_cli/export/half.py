"""Weights in half the bytes: stored as float16, computed with in float32.

Convolutions and matrices are rounded; norms, slopes and biases, a thousandth of the bytes, keep float32, whose range
the variances need. A network that also computed in float16 would be off by a thousandth, and no faster on a CPU.
"""

import copy
from collections.abc import Iterable
from typing import Any

import torch

from femb_cli.backbones import Backbone
from femb_cli.errors import FembError


@torch.no_grad()
def round_weights(backbone: Backbone) -> Backbone:
    """A copy of the network whose large weights are float16 numbers.

    Raises:
        FembError: a weight is too large for float16.
    """
    rounded = copy.deepcopy(backbone)
    for name, parameter in rounded.named_parameters():
        if _is_matrix(parameter.shape):
            parameter.copy_(parameter.half())
            if not parameter.isfinite().all():
                raise FembError(f"the weight {name} has entries beyond float16's 65504", hint="export without --half")
    return rounded


def store_as_half(model: Any) -> None:
    """Store an ONNX model's large weights as float16, each followed by a cast to float32."""
    import onnx

    casts = []
    for weight in model.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT and _is_matrix(weight.dims):
            name = weight.name
            values = onnx.numpy_helper.to_array(weight).astype("float16")
            weight.CopyFrom(onnx.numpy_helper.from_array(values, f"{name}_float16"))
            casts.append(onnx.helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT))
    for node in reversed(casts):
        model.graph.node.insert(0, node)


def _is_matrix(shape: Iterable[int]) -> bool:
    """Whether there is more than one number in two directions; PReLU's slopes have up to three axes of length 1."""
    return sum(length > 1 for length in shape) >= 2
