"""`femb inspect`."""

from pathlib import Path
from typing import Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output, format_pairs


def inspect(
    model: Annotated[
        Path | None, typer.Argument(help="Run or checkpoint. Default: the newest finished run.", show_default=False)
    ] = None,
    json: options.Json = False,
) -> None:
    """Show what a checkpoint is: network, pixels, training, source, licence.

    \b
    Examples:
      femb inspect runs/arcface_iresnet18_synthetic_1
      femb inspect mobilefacenet --json
    """
    from femb_cli.checkpoints.layout import newest_finished_run
    from femb_cli.checkpoints.store import open_checkpoint
    from femb_cli.training.run import runs_folder

    checkpoint = open_checkpoint(model or newest_finished_run(runs_folder()))
    backbone = checkpoint.load_backbone()
    facts = {
        "path": str(checkpoint.path),
        **checkpoint.card.to_metadata(),
        "parameters": sum(parameter.numel() for parameter in backbone.parameters()),
        "bytes": checkpoint.model_file.stat().st_size,
    }
    Output(json=json).result(facts, format_pairs(facts))
