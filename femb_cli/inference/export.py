"""Exporting a network to the formats that other programs read."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from femb_cli.backbones import Backbone
from femb_cli.backbones.iresnet import IResNet
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import Checkpoint
from femb_cli.errors import FembError, UsageError
from femb_cli.files import new_file

OPSET = 18
ENDINGS = {
    ".onnx": "onnx",
    ".ts": "torchscript",
    ".safetensors": "safetensors",
    ".pth": "arcface",
    ".pt": "torchscript",
}
"""The format that a file's ending means when none is named."""

TOLERANCE = 1e-4
"""Largest difference between the exported network and torch's, relative to the largest entry."""


def export_checkpoint(checkpoint: Checkpoint, out: Path, export_format: str, *, overwrite: bool = False) -> None:
    """Write a checkpoint's network as one file and check, where it can be run, that it still computes the same.

    Args:
        checkpoint: what to export.
        out: the file to make.
        export_format: a key of `WRITERS`.
        overwrite: replace an existing file.

    Raises:
        FembError: the format does not hold this network, or the exported network differs.
    """
    with new_file(out, overwrite=overwrite) as aside:
        WRITERS[export_format](checkpoint.load_backbone(), checkpoint.card, aside)


def format_of(out: Path, export_format: str | None) -> str:
    """The format that was named, or that the file's ending means.

    Raises:
        UsageError: neither says.
    """
    chosen = export_format or ENDINGS.get(out.suffix)
    if chosen is None:
        known = ", ".join(ENDINGS)
        raise UsageError(
            f"cannot tell the format of {out.name!r} by its ending", hint=f"--format, or an ending of {known}"
        )
    return chosen


def default_file(model: Path, export_format: str | None) -> Path:
    """A file in the working folder, named after the model."""
    chosen = export_format or "safetensors"
    ending = next(ending for ending, meant in (*ENDINGS.items(), (".pth", "magface")) if meant == chosen)
    return Path(f"{model.resolve().name}{ending}")


def _example(backbone: Backbone, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(batch, 3, backbone.input_size, backbone.input_size, generator=generator) * 2 - 1


@torch.inference_mode()
def _compare(backbone: Backbone, exported: Callable[[Tensor], Tensor]) -> None:
    for batch in (1, 3):
        inputs = _example(backbone, batch)
        expected, found = backbone(inputs), exported(inputs)
        error = ((found - expected).abs().max() / expected.abs().max()).item()
        if not error <= TOLERANCE:
            raise FembError(
                f"the exported network differs from the original by {error:.2g} (relative, batch of {batch})"
            )


def _write_onnx(backbone: Backbone, card: ModelCard, file: Path) -> None:
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError as error:
        raise FembError(f"ONNX export needs the package {error.name}", hint="pip install 'femb[onnx]'") from error
    program = torch.onnx.export(
        backbone,
        (_example(backbone),),
        input_names=["images"],
        output_names=["embeddings"],
        dynamic_shapes={"images_B3HW": {0: torch.export.Dim("batch")}},
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None, "torch.onnx.export returns a program when dynamo is on"
    model = program.model_proto
    onnx.helper.set_model_props(model, card.to_metadata())
    onnx.save(model, file)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    _compare(backbone, lambda inputs: torch.from_numpy(np.asarray(session.run(None, {"images": inputs.numpy()})[0])))


def _write_torchscript(backbone: Backbone, card: ModelCard, file: Path) -> None:
    scripted = torch.jit.trace(backbone, _example(backbone))
    torch.jit.save(scripted, str(file), _extra_files={"femb.json": json.dumps(card.to_metadata())})
    _compare(backbone, torch.jit.load(str(file)))


def _write_safetensors(backbone: Backbone, card: ModelCard, file: Path) -> None:
    save_file({name: tensor.contiguous() for name, tensor in backbone.state_dict().items()}, file, card.to_metadata())


def _write_arcface(backbone: Backbone, card: ModelCard, file: Path) -> None:
    """arcface_torch's `backbone.pth`: the plain state dict."""
    if not (isinstance(backbone, IResNet) or card.backbone.name.startswith("mbf")):
        raise FembError(f"arcface_torch has no {card.backbone.name}: only IResNet, mbf and mbf_large")
    torch.save(backbone.state_dict(), file)


def _write_magface(backbone: Backbone, card: ModelCard, file: Path) -> None:
    """MagFace's file: a wrapper, and the names of its distributed training."""
    if not isinstance(backbone, IResNet):
        raise FembError(f"MagFace has no {card.backbone.name}: only IResNet")
    state = {f"features.module.{name}": tensor for name, tensor in backbone.state_dict().items()}
    torch.save({"epoch": 0, "arch": card.backbone.name, "state_dict": state}, file)


WRITERS: dict[str, Callable[[Backbone, ModelCard, Path], None]] = {
    "onnx": _write_onnx,
    "torchscript": _write_torchscript,
    "safetensors": _write_safetensors,
    "arcface": _write_arcface,
    "magface": _write_magface,
}
