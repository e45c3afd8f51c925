"""`femb export`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output


class Format(StrEnum):
    """What other programs read."""

    onnx = "onnx"
    torchscript = "torchscript"
    safetensors = "safetensors"
    arcface = "arcface"
    magface = "magface"


def export(
    model: Annotated[
        Path | None, typer.Argument(help="Run or checkpoint. Default: the newest finished run.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The file to make. Default: MODEL's name .safetensors."),
    ] = None,
    export_format: Annotated[Format | None, typer.Option("--format", help="Default: by FILE's ending.")] = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Export a network: ONNX, TorchScript, safetensors, or the official ArcFace and MagFace layouts.

    \b
    Examples:
      femb export -o model.onnx
      femb export runs/magface_iresnet50_ms1mv3_1 -o magface.pth --format magface
    """
    from femb_cli.checkpoints.layout import newest_finished_run
    from femb_cli.checkpoints.store import open_checkpoint
    from femb_cli.inference.export import default_file, export_checkpoint, format_of
    from femb_cli.training.run import runs_folder

    output = Output(json=json, quiet=quiet)
    output.load_libraries()
    chosen_model = model or newest_finished_run(runs_folder())
    checkpoint = open_checkpoint(chosen_model)
    file = out or default_file(chosen_model, export_format and export_format.value)
    chosen_format = format_of(file, export_format and export_format.value)
    facts = {
        "format": chosen_format,
        "model": str(chosen_model),
        "backbone": checkpoint.card.backbone.name,
        "input": f"(batch, 3, {checkpoint.card.preprocessing.input_size}, {checkpoint.card.preprocessing.input_size})",
        "embedding_size": checkpoint.card.backbone.embedding_dim,
        "channel_order": checkpoint.card.preprocessing.channel_order,
        "mean": list(checkpoint.card.preprocessing.mean),
        "std": list(checkpoint.card.preprocessing.std),
        "path": str(file),
    }
    if not dry_run:
        export_checkpoint(checkpoint, file, chosen_format, overwrite=overwrite)
        facts["bytes"] = file.stat().st_size
    output.facts(facts)
