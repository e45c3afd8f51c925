"""The `femb` command and its subcommands.

A subcommand imports heavy modules (torch, numpy, ...) only when it runs, so that `femb --help` starts fast.
"""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from femb_cli import __version__
from femb_cli.cli import (
    align,
    compare,
    config,
    convert,
    convert_checkpoint,
    embed,
    env,
    export,
    group,
    identify,
    inspect,
    report,
    search,
    train,
    verify,
)
from femb_cli.cli import list as listing
from femb_cli.errors import FembError
from femb_cli.runtime.allocator import keep_freed_memory
from femb_cli.runtime.signals import Interrupted
from femb_cli.text import cut, printable

MOST_OF_MESSAGE = 2000
"""Characters of an error."""

app = typer.Typer(
    name="femb",
    help="Train, run and verify face embedding networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(convert.convert)
app.command()(train.train)
app.command()(align.align)
app.command()(embed.embed)
app.command()(search.search)
app.command()(group.group)
app.command()(verify.verify)
app.command()(identify.identify)
app.command()(compare.compare)
app.command()(export.export)
app.command("convert-checkpoint")(convert_checkpoint.convert_checkpoint)
app.command()(report.report)
app.command("list")(listing.list_entries)
app.command()(config.config)
app.command()(inspect.inspect)
app.command()(env.env)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"femb {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show femb's version.")
    ] = False,
) -> None:
    """Train, run and verify face embedding networks."""


def main() -> None:
    """Run `femb` with the arguments of this process, and exit with its exit code."""
    # pydantic would search all installed packages for plugins, which adds 20 ms to every command that imports it.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    keep_freed_memory()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run `femb` with these arguments.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 130 or 143 ended by SIGINT or SIGTERM.
    """
    try:
        app(args=name_bare_resume(arguments), prog_name="femb")
    except (FembError, OSError) as error:
        if os.environ.get("FEMB_DEBUG"):
            raise
        explained = error if isinstance(error, FembError) else explain_os_error(error)
        print_error(explained)
        return explained.exit_code
    except Interrupted as interruption:
        typer.echo(f"\n{interruption.message or 'interrupted'}", err=True)
        return interruption.exit_code
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    return 0


def explain_os_error(error: OSError) -> FembError:
    """Return the error for a file that femb could not open, read or write, and for which no module has a better one."""
    path = f"{error.filename}: " if error.filename else ""
    return FembError(f"{path}{error.strerror or error}")


def print_error(error: FembError) -> None:
    """Print an error, in one line, and its hint on stderr."""
    message = cut(error.message, most=MOST_OF_MESSAGE).replace("\n", "\\n")
    typer.echo(f"error: {printable(message)}", err=True)
    if error.hint:
        typer.echo(f"\nhint: {printable(error.hint)}", err=True)


def name_bare_resume(arguments: Sequence[str]) -> list[str]:
    """Turn `femb train --resume` without a run into `--resume newest`, because an option in Typer needs a value."""
    completed = list(arguments)
    if completed[:1] == ["train"] and "--resume" in completed:
        following = completed.index("--resume") + 1
        if following == len(completed) or completed[following].startswith("-"):
            completed.insert(following, "newest")
    return completed
