"""The `femb` command and its subcommands.

A subcommand imports heavy modules (torch, numpy, ...) only when it runs, so that `femb --help` starts fast.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from femb_cli import __version__
from femb_cli.cli.commands import COMMANDS, check, load
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


def _print_help(context: typer.Context, wanted: bool) -> None:
    if wanted:
        typer.echo(context.get_help())
        raise typer.Exit


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"femb {__version__}")
        raise typer.Exit


def _install_completion(wanted: bool) -> None:
    if wanted:
        from femb_cli.cli.shell_scripts import install, shell_in_use

        shell = shell_in_use()
        typer.echo(f"wrote {install(shell)}; {shell} completes femb from its next start")
        raise typer.Exit


def _show_completion(wanted: bool) -> None:
    if wanted:
        from femb_cli.cli.shell_scripts import SCRIPTS, shell_in_use

        typer.echo(SCRIPTS[shell_in_use()], nl=False)
        raise typer.Exit


def _flag(*names: str, action: Callable[..., None], help: str) -> Any:
    """Return an option of `femb` itself, which does something and ends the program.

    All of them are flags with a default, the help included: Typer loads pydantic for the value of any other option.
    """
    return typer.Option(*names, callback=action, is_eager=True, help=help)


def _options(
    version: Annotated[bool, _flag("--version", "-v", action=_print_version, help="Show femb's version.")] = False,
    install_completion: Annotated[
        bool,
        _flag(
            "--install-completion",
            action=_install_completion,
            help="Let your shell (bash, zsh or fish) complete femb's commands, options and values.",
        ),
    ] = False,
    show_completion: Annotated[
        bool,
        _flag(
            "--show-completion",
            action=_show_completion,
            help="Show your shell's script for it, to install it yourself.",
        ),
    ] = False,
    help: Annotated[bool, _flag("--help", "-h", action=_print_help, help="Show this message and exit.")] = False,
) -> None:
    """Train, run and verify face embedding networks."""


def build_app(commands: Iterable[str] = COMMANDS) -> typer.Typer:
    """Return `femb` with some of its commands; importing and building all of them takes longer than most need."""
    app = typer.Typer(
        name="femb",
        cls=Group,
        no_args_is_help=True,
        add_help_option=False,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in commands:
        app.command(name, cls=Command)(load(name))
    return app


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
        completed = name_bare_resume(as_option(arguments))
        app = build_app(named_command(completed))
        ended = app(args=completed, prog_name="femb", standalone_mode=False)
        return ended if isinstance(ended, int) else 0
    except TyperException as error:
        return report_usage_error(error, arguments)
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


def report_usage_error(error: TyperException, arguments: Sequence[str]) -> int:
    """Print what is wrong with the arguments; the help if there are none. Return the exit code."""
    explained = explain_usage_error(error, arguments)
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


def as_option(arguments: Sequence[str]) -> list[str]:
    """Turn `femb help train` into `femb train --help`, `femb help` into `femb --help`, and so on with the version."""
    first, *others = arguments or [""]
    if first == "help":
        return [*(argument for argument in others if argument != "help"), "--help"]
    return ["--version", *others] if first == "version" else list(arguments)


def named_command(arguments: Sequence[str]) -> list[str]:
    """Return the command that the arguments name: a list of one, or of none if they name none.

    Raises:
        UsageError: if femb has no such command.
    """
    names = [argument for argument in arguments if not argument.startswith("-")][:1]
    for name in names:
        check(name)
    return [name for name in names if name in COMMANDS]


def name_bare_resume(arguments: Sequence[str]) -> list[str]:
    """Turn `femb train --resume` without a run into `--resume newest`, because an option in Typer needs a value."""
    completed = list(arguments)
    if completed[:1] == ["train"] and "--resume" in completed:
        following = completed.index("--resume") + 1
        if following == len(completed) or completed[following].startswith("-"):
            completed.insert(following, "newest")
    return completed
