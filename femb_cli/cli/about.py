"""`femb version` and `femb help`: what people type where other tools have these commands."""

from typing import Annotated

import typer

from femb_cli import __version__
from femb_cli.errors import UsageError


def version() -> None:
    """Show femb's version; femb env shows those of its packages.

    \b
    Examples:
      femb version
    """
    typer.echo(f"femb {__version__}")


def show_help(
    context: typer.Context, command: Annotated[str | None, typer.Argument(help="A command of femb.")] = None
) -> None:
    """Show the help of femb, or of a command.

    \b
    Examples:
      femb help
      femb help train
    """
    top = context.find_root()
    shown = None if command is None else top.command.get_command(top, command)  # type: ignore[attr-defined]
    if command is not None and shown is None:
        raise UsageError(f"femb has no command {command!r}", hint="femb --help lists them")
    with typer.Context(shown, info_name=command, parent=top) if shown is not None else top as own:
        typer.echo(own.get_help())
