"""`femb convert-checkpoint`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.next_commands import after_checkpoint
from femb_cli.cli.output import Output


def convert_checkpoint(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC",
            help="Official weights: a file, a directory, a name of femb list models, or owner/name on the Hub.",
        ),
    ],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="The checkpoint directory to make.")],
    family: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FAMILY",
            help="Family of the weights (femb list families). Default: recognised by the tensors' names.",
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            metavar="KEY",
            help="Which network of a file that holds several, by its key or prefix, such as ema.",
        ),
    ] = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Convert official weights to a femb checkpoint.

    (femb convert is for datasets.) Class weights stored with the network are converted, too. Weights that a
    project published keep their authors' licence, which is mostly non-commercial.

    \b
    Examples:
      femb convert-checkpoint mobilefacenet_foamliu mobilefacenet
      femb convert-checkpoint magface_epoch_00025.pth magface_r100
      femb convert-checkpoint ms1mv3_arcface_r50_fp16 arcface_r50
      femb convert-checkpoint minchul/cvlface_adaface_ir50_webface4m adaface_r50
      femb convert-checkpoint model_ir_se50.pth ir_se50 --from InsightFace_Pytorch
      femb convert-checkpoint last.pth student --network student
    """
    output = Output(json=json, quiet=quiet)
    output.load_libraries()
    from femb_cli.checkpoints.official import convert_checkpoint as convert_files
    from femb_cli.checkpoints.official import is_remote, read_official
    from femb_cli.files import refuse_existing

    if dry_run:
        refuse_existing(destination, overwrite=overwrite)
        if is_remote(source, family):
            output.fields({"fetches": source, "path": str(destination)})
            return
        _, card, _ = read_official(source, family, network=network, say=output.say)
    else:
        card = convert_files(source, destination, family, network=network, overwrite=overwrite, say=output.say)
    result = {
        "path": str(destination),
        "backbone": card.backbone.name,
        "embedding_dim": card.backbone.embedding_dim,
        **({} if card.num_identities is None else {"num_identities": card.num_identities}),
        **card.source,
    }
    output.fields(result)
    _say_licence(card.source, output)
    if dry_run:
        return
    output.next(*after_checkpoint(destination))


def _say_licence(source: Mapping[str, str], output: Output) -> None:
    """Say the licence of the weights, or whose it would be: a layout does not show who trained a network."""
    if (licence := source.get("license", "MIT")) != "MIT":
        output.say(f"these weights keep their licence: {licence} ({source.get('repository', '')})")
    if "layout_of" in source:
        family, licence = source.get("family", "another project"), source.get("license_of_authors", "not known")
        output.say(
            f"the layout is {family}'s ({source['layout_of']}): if the weights are its authors', their licence holds:"
            f" {licence}"
        )
