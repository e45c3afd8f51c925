"""The `femb` command and its subcommands.

A subcommand imports heavy modules (torch, numpy, ...) only when it runs, so that `femb --help` starts fast.
"""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from femb_cli import __version__
from femb_cli.cli import (
    about,
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
from femb_cli.cli.help import Command, Group
from femb_cli.cli.usage import explain_usage_error
from femb_cli.errors import FembError
from femb_cli.runtime.allocator import keep_freed_memory
from femb_cli.runtime.logging import begin_line
from femb_cli.runtime.ranks import is_main_process
from femb_cli.runtime.signals import Interrupted
from femb_cli.text import cut, printable

MOST_OF_MESSAGE = 2000
"""Characters of an error."""

app = typer.Typer(
    name="femb",
    cls=Group,
    help="Train, run and verify face embedding networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS = {
    "Use faces": (align.align, embed.embed, search.search, group.group, compare.compare),
    "Train networks": (convert.convert, train.train, report.report),
    "Measure networks": (verify.verify, identify.identify),
    "Move networks": (convert_checkpoint.convert_checkpoint, export.export),
    "Look things up": (listing.list_entries, config.config, inspect.inspect, env.env, about.version, about.show_help),
}
"""The commands by what people want to do, in the order of the help."""

_NAMES = {"list_entries": "list", "show_help": "help"}

for _purpose, _functions in _COMMANDS.items():
    for _function in _functions:
        _name = _NAMES.get(_function.__name__, _function.__name__.replace("_", "-"))
        app.command(_name, cls=Command, rich_help_panel=_purpose)(_function)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"femb {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", "-v", callback=_print_version, is_eager=True, help="Show femb's version.")
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
        ended = app(args=name_bare_resume(arguments), prog_name="femb", standalone_mode=False)
        return ended if isinstance(ended, int) else 0
    except TyperException as error:
        return report_usage_error(error)
    except typer.Abort:
        return print_error(FembError("aborted"))
    except (FembError, OSError) as error:
        if os.environ.get("FEMB_DEBUG"):
            raise
        explained = error if isinstance(error, FembError) else explain_os_error(error)
        return print_error(explained)
    except Interrupted as interruption:
        if is_main_process():
            begin_line()
            typer.echo(printable(interruption.message or "interrupted"), err=True)
        return interruption.exit_code
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)


def report_usage_error(error: TyperException) -> int:
    """Print what is wrong with the arguments; the help if there are none. Return the exit code."""
    explained = explain_usage_error(error)
    if explained is None:
        typer.echo(error.message)
        return 0
    return print_error(explained)


def explain_os_error(error: OSError) -> FembError:
    """Return the error for a file that femb could not open, read or write, and for which no module has a better one."""
    path = f"{error.filename}: " if error.filename else ""
    return FembError(f"{path}{error.strerror or error}")


def print_error(error: FembError) -> int:
    """Print an error, in one line, and its hint on stderr; return its exit code."""
    message = cut(error.message, most=MOST_OF_MESSAGE).replace("\n", "\\n")
    typer.echo(f"error: {printable(message)}", err=True)
    if error.hint:
        typer.echo(f"hint: {printable(error.hint)}", err=True)
    return error.exit_code


def name_bare_resume(arguments: Sequence[str]) -> list[str]:
    """Turn `femb train --resume` without a run into `--resume newest`, because an option in Typer needs a value."""
    completed = list(arguments)
    if completed[:1] == ["train"] and "--resume" in completed:
        following = completed.index("--resume") + 1
        if following == len(completed) or completed[following].startswith("-"):
            completed.insert(following, "newest")
    return completed
