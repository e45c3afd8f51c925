"""Store weights in half the bytes, as float16; the network still computes in float32.

Only convolutions and matrices are rounded. Norms, slopes and biases are a thousandth of the bytes and stay float32,
because variances need float32's range. Computing in float16, too, would change embeddings by a thousandth and would not
be faster on a CPU.
"""

import copy
from collections.abc import Iterable
from typing import Any

import torch

from femb_cli.backbones import Backbone
from femb_cli.errors import FembError


@torch.no_grad()
def round_weights(backbone: Backbone) -> Backbone:
    """Return a copy of the network whose large weights are rounded to float16.

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
    """Whether at least two dimensions are longer than 1; PReLU's slopes can have three dimensions of length 1."""
    return sum(length > 1 for length in shape) >= 2
