"""torch's own two formats for networks that need no Python class: TorchScript and torch.export."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from femb_cli.inference.onnx_runtime import CARD_FILE, PIXELS, ExportedNetwork


def write_torchscript(network: nn.Module, example: Tensor, metadata: Mapping[str, str], file: Path) -> None:
    """Write a network as TorchScript, with the card as `femb.json` inside.

    Args:
        network: in evaluation mode.
        example: an input of two images.
        metadata: the card and what the input is.
        file: the file to make.
    """
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch has deprecated TorchScript
        script = torch.jit.trace(network, example)
        torch.jit.save(script, str(file), _extra_files={CARD_FILE: json.dumps(dict(metadata))})


def write_program(network: nn.Module, example: Tensor, metadata: Mapping[str, str], file: Path) -> None:
    """Write a network as torch.export's archive for batches of any size, with the card as `femb.json` inside.

    The arguments are those of `write_torchscript`.
    """
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(network, (example,), dynamic_shapes=shapes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # contains the paths of this machine's files
    with file.open("w+b") as archive:
        torch.export.save(program, archive, extra_files={CARD_FILE: json.dumps(dict(metadata))})


def open_torchscript(file: Path) -> ExportedNetwork:
    """Open TorchScript that this process has just written. A file from elsewhere could write files when it runs."""
    texts = {CARD_FILE: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has deprecated TorchScript
        script = torch.jit.load(str(file), map_location="cpu", _extra_files=texts)
    metadata = json.loads(texts[CARD_FILE])
    return ExportedNetwork(script.eval(), metadata, takes_pixels=metadata["input"] == PIXELS, where=str(file))


def open_program(file: Path) -> ExportedNetwork:
    """Open an archive that this process has just written. A file from elsewhere could run any code."""
    texts = {CARD_FILE: ""}
    with file.open("rb") as archive:
        program = torch.export.load(archive, extra_files=texts)
    metadata = json.loads(texts[CARD_FILE])
    return ExportedNetwork(program.module(), metadata, takes_pixels=metadata["input"] == PIXELS, where=str(file))
