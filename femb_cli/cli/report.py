"""`femb report`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUN]...", help="Runs. Default: the one that changed last.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path("report.html"),
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare training runs on one HTML page: curves, verifications and the settings in which they differ.

    \b
    Examples:
      femb report
      femb report runs/arcface_iresnet18_synthetic_1 runs/magface_iresnet18_synthetic_1 -o compared.html
    """
    from femb_cli.checkpoints.runs import runs_folder
    from femb_cli.errors import FembError
    from femb_cli.files import refuse_existing
    from femb_cli.training.report.contents import read_runs
    from femb_cli.training.report.write import write_run_report
    from femb_cli.training.run.run_status import list_runs

    output = Output(json=json, quiet=quiet)
    refuse_existing(out, overwrite=overwrite)
    paths = runs or [status.run for status in list_runs(runs_folder())[:1]]
    if not paths:
        raise FembError(f"no runs under {runs_folder()}", hint="name one: femb report RUN")
    reported = read_runs(paths)
    write_run_report(out, reported, command=shlex.join(["femb", *sys.argv[1:]]), overwrite=overwrite)
    document = {"report": str(out), "runs": [run.status.to_json() for run in reported]}
    output.result(document, f"{out}: {', '.join(run.label for run in reported)}")
