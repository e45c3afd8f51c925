"""Torch's own two formats for networks that need no Python class: TorchScript and torch.export."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from femb_cli.inference.onnx_runtime import CARD_FILE, PIXELS, ExportedNetwork


def write_torchscript(network: nn.Module, example: Tensor, metadata: Mapping[str, str], file: Path) -> None:
    """Write a network as TorchScript; `femb.json` inside has the card."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch means to drop TorchScript one day
        script = torch.jit.trace(network, example)
        torch.jit.save(script, str(file), _extra_files={CARD_FILE: json.dumps(dict(metadata))})


def write_program(network: nn.Module, example: Tensor, metadata: Mapping[str, str], file: Path) -> None:
    """Write a network as torch.export's archive, for batches of any size; `femb.json` inside has the card."""
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(network, (example,), dynamic_shapes=shapes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # the paths of this machine's files
    with file.open("w+b") as archive:
        torch.export.save(program, archive, extra_files={CARD_FILE: json.dumps(dict(metadata))})


def open_torchscript(file: Path) -> ExportedNetwork:
    """Open TorchScript that this program has just written: a stranger's could write files."""
    texts = {CARD_FILE: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to drop TorchScript one day
        script = torch.jit.load(str(file), map_location="cpu", _extra_files=texts)
    metadata = json.loads(texts[CARD_FILE])
    return ExportedNetwork(script.eval(), metadata, takes_pixels=metadata["input"] == PIXELS)


def open_program(file: Path) -> ExportedNetwork:
    """Open an archive that this program has just written: a stranger's could run any code."""
    texts = {CARD_FILE: ""}
    with file.open("rb") as archive:
        program = torch.export.load(archive, extra_files=texts)
    metadata = json.loads(texts[CARD_FILE])
    return ExportedNetwork(program.module(), metadata, takes_pixels=metadata["input"] == PIXELS)
