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
        typer.Argument(
            metavar="[RUN]...",
            help="Runs. Default: the one that changed last.",
            show_default=False,
        ),
    ] = None,
    leaderboard: Annotated[
        Path | None,
        typer.Option(
            "--leaderboard", metavar="FILE", help="The leaderboard, shown, too. Default: that of the runs, if any."
        ),
    ] = None,
    out: Annotated[Path, options.out("an HTML file.")] = Path("report.html"),
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare training runs on one HTML page: curves, verifications, settings; and the leaderboard of femb verify.

    \b
    Examples:
      femb report
      femb report runs/arcface_iresnet18_synthetic_1 runs/magface_iresnet18_synthetic_1 -o compared.html
    """
    from femb_cli.checkpoints.runs import runs_folder
    from femb_cli.cli.suite import usual_leaderboard
    from femb_cli.errors import FembError
    from femb_cli.evaluation.leaderboard import read_leaderboard, standings
    from femb_cli.files import check_output_file
    from femb_cli.training.report.contents import read_runs
    from femb_cli.training.report.write import write_run_report
    from femb_cli.training.run.run_status import list_runs

    output = Output(json=json, quiet=quiet)
    check_output_file(out, overwrite=overwrite, endings=options.PAGE, what="a page")
    if leaderboard is not None and not leaderboard.exists():
        raise FembError(f"no leaderboard at {leaderboard}", hint="femb verify --suite --leaderboard FILE makes one")
    board = leaderboard or usual_leaderboard()
    now = standings(read_leaderboard(board))
    known = [] if runs else [status.run for status in list_runs(runs_folder())]
    paths = runs or known[:1]
    if not paths and not now.models:
        raise FembError(f"no runs under {runs_folder()}", hint="name one: femb report RUN")
    reported = read_runs(paths) if paths else []
    if not dry_run:
        command = shlex.join(["femb", *sys.argv[1:]])
        write_run_report(out, reported, now, command=command, overwrite=overwrite)
    if len(known) > 1:
        output.say(f"{paths[0]} is 1 of {len(known)} runs: femb report {runs_folder()}/*/ compares all")
    for remark in now.remarks:
        output.warn(f"{board}: {remark}")
    document = {"report": str(out), "runs": [run.status.to_json() for run in reported]}
    if now.models:
        document["leaderboard"] = str(board)
    shown = [run.label for run in reported] + ([str(board)] if now.models else [])
    output.result(document, f"{out}: {', '.join(shown)}")
