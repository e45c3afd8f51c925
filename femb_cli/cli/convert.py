"""`femb convert`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output, format_pairs


class OnError(StrEnum):
    """What to do about a damaged image."""

    stop = "stop"
    skip = "skip"


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="RecordIO directory or .rec, folder of people, zip, data set.")
    ],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="The data set to make.")],
    identities: Annotated[
        Path | None,
        typer.Option("--identities", help="Keep these people: one name a line, a count after it is ignored."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Keep the first N images.")] = None,
    min_images: Annotated[
        int | None, typer.Option("--min-images", min=1, help="Keep people with at least N images.")
    ] = None,
    on_error: Annotated[OnError, typer.Option("--on-error", help="At a damaged image.")] = OnError.stop,
    verify: Annotated[bool, typer.Option("--verify", help="Decode every image.")] = False,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Convert a face data set to a Hugging Face dataset, image bytes untouched.

    (femb convert-checkpoint is for weights.)

    \b
    Examples:
      femb convert faces_webface_112x112/ webface
      femb convert lfw_aligned_112.zip lfw_dev --identities peopleDevTrain.txt
      femb convert photos/ people --min-images 3 --dry-run
    """
    from femb_cli.data.convert import convert as convert_source
    from femb_cli.data.convert import plan_conversion, read_identity_list
    from femb_cli.data.source import open_source

    output = Output(json=json, quiet=quiet)
    opened = open_source(source)
    wanted = read_identity_list(identities) if identities else None
    if dry_run:
        plan = plan_conversion(opened, identities=wanted, limit=limit, min_images=min_images)
        facts = {"num_images": plan.num_images, "num_identities": plan.num_identities, "path": str(destination)}
        output.result(facts, format_pairs(facts))
        return
    with output.progress("converting") as progress:
        done = convert_source(
            opened,
            destination,
            identities=wanted,
            limit=limit,
            min_images=min_images,
            on_error=on_error.value,
            verify=verify,
            overwrite=overwrite,
            progress=progress,
        )
    for name, reason in done.skipped:
        output.warn(f"left out {name}: {reason}")
    facts = {
        "num_images": done.num_images,
        "num_identities": done.num_identities,
        "num_skipped": done.num_skipped,
        "bytes": done.bytes,
        "path": str(done.path),
    }
    output.result(facts, format_pairs(facts))
    output.next(f"femb train --data {destination}")
