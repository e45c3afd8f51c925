"""Write ONNX files with the card in their metadata."""

import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from femb_cli.errors import FembError
from femb_cli.export.half import store_as_half
from femb_cli.inference.onnx_runtime import INPUT, OUTPUT

OPSET = 18
MOST_BYTES = 2**31 - 2**24
"""Most bytes of weights in a file: a protobuf holds 2 GiB, and the graph needs a part of that."""


def check_onnx_packages() -> None:
    """Refuse to go on without the packages that write and run ONNX files.

    Raises:
        FembError: one is missing.
    """
    try:
        for name in ("onnx", "onnxscript", "onnxruntime"):
            import_module(name)
    except ImportError as error:
        raise FembError(
            f"ONNX export needs the package {error.name}", hint="pip install onnx onnxruntime onnxscript"
        ) from error


def write_onnx(network: nn.Module, example: Tensor, metadata: Mapping[str, str], file: Path, *, half: bool) -> None:
    """Write a network for batches of any size.

    Args:
        network: in evaluation mode.
        example: an input of two images.
        metadata: the card and what the input is.
        file: the file to make.
        half: store the weights as float16.

    Raises:
        FembError: a package is missing, or the weights are too large for one file.
    """
    check_onnx_packages()
    import onnx
    import onnxscript

    refuse_too_large(network, half=half)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            dynamo=True,
            optimize=not half,
            verbose=False,
        )
    assert program is not None, "torch.onnx.export returns a program when dynamo is on"
    if half:
        # Only these two passes: merging norms into convolutions would change the rounded weights.
        onnxscript.optimizer.fold_constants(program.model)
        onnxscript.optimizer.remove_unused_nodes(program.model)
    model = program.model_proto
    if half:
        store_as_half(model)
    _remove_origin(model.graph)
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.save(model, file)


def refuse_too_large(network: nn.Module, *, half: bool) -> None:
    """Refuse weights that one file cannot hold.

    Raises:
        FembError: they are too large.
    """
    size = sum(tensor.numel() for tensor in network.state_dict().values()) * (2 if half else 4)
    if size > MOST_BYTES:
        hint = "--format pt2 or torchscript" if half else "--half stores them in half the bytes; or --format pt2"
        raise FembError(f"the weights have {size / 2**30:.1f} GiB, and an ONNX file holds 2", hint=hint)


def _remove_origin(graph: Any) -> None:
    """Remove torch's debug information from every node: it contains the paths of this machine's files."""
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField("doc_string")
