"""Write docs/commands.md: one section per command, taken from the command line's own help.

    python docs/generate_commands.py

The page is built from the signatures and docstrings that Typer itself reads, not from rendered help. So it depends
neither on the width of a terminal nor on how a version of Typer draws its tables.
"""

import inspect
import types
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import typer

from femb_cli.cli.app import build_app

PAGE = Path(__file__).with_name("commands.md")
INTRODUCTION = """\
# Commands

`make docs` writes this page from the command line's own help; do not edit it by hand. The rules that all commands
share (output, exit codes, environment variables) are in the [index](README.md#rules-that-all-commands-share).
"""
VALUES = {Path: "PATH", str: "TEXT", int: "NUMBER", float: "NUMBER"}
"""What stands for a value of each type where the command line names no other word."""


class Parameter(NamedTuple):
    """One parameter of a command.

    Attributes:
        kind: the type of its value, without `None`.
        typer: the parameter as Typer holds it: spellings, help, default and environment variable.
    """

    kind: Any
    typer: Any

    @property
    def is_option(self) -> bool:
        """Whether it is written with dashes."""
        return str(self.typer.opts[0]).startswith("-")

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be given more than once."""
        return get_origin(self.kind) is list


def main() -> None:
    """Write the page."""
    PAGE.write_text(commands_page(), encoding="utf-8")


def commands_page() -> str:
    """The whole page, in Markdown."""
    commands = typer.main.get_command(build_app()).commands  # type: ignore[attr-defined]
    contents = "\n".join(f"- [`femb {name}`](#femb-{name})" for name in commands)
    sections = [section(name, command) for name, command in commands.items()]
    return "\n".join([INTRODUCTION, f"{contents}\n", *sections])


def section(name: str, command: Any) -> str:
    """One command: usage, description, arguments, options and examples."""
    description, examples = split_docstring(command.callback)
    parameters = read_parameters(command)
    arguments = [parameter for parameter in parameters if not parameter.is_option]
    options = [parameter for parameter in parameters if parameter.is_option]
    required = [f"{option.typer.opts[0]} {value(option)}" for option in options if option.typer.required]
    usage = " ".join(["femb", name, *map(argument_usage, arguments), *required, "[OPTIONS]"])
    parts = [f"## femb {name}", code_block([usage]), description]
    if arguments:
        parts.append(table("argument", [(argument_usage(one), meaning(one)) for one in arguments]))
    parts.append(table("option", [(option_usage(one), meaning(one)) for one in options]))
    if examples:
        parts.append(f"Examples:\n\n{code_block(examples)}")
    return "\n\n".join(parts) + "\n"


def split_docstring(function: Callable[..., None]) -> tuple[str, list[str]]:
    """The text of a command's docstring, and the lines of its examples."""
    text, _, examples = (inspect.getdoc(function) or "").partition("\b\nExamples:\n")
    return text.strip(), [line.strip() for line in examples.strip().splitlines()]


def read_parameters(command: Any) -> list[Parameter]:
    """The parameters of a command, in its order, each with the type that its function declares."""
    kinds = get_type_hints(command.callback)
    return [Parameter(without_none(kinds[one.name]), one) for one in command.params if one.name in kinds]


def without_none(kind: Any) -> Any:
    """`X` of `X | None`, and any other type as it is."""
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = [one for one in get_args(kind) if one is not types.NoneType]
    return kind


def argument_usage(argument: Parameter) -> str:
    """How an argument is written: `SRC`, `[MODEL]`, `IMAGES...`."""
    word = (argument.typer.metavar or argument.typer.name.upper()).strip("[].")
    word += "..." if argument.is_repeatable else ""
    return word if argument.typer.required else f"[{word}]"


def option_usage(option: Parameter) -> str:
    """How an option is written: `--out, -o FILE`; a flag that can be switched off, `--flip / --no-flip`."""
    names = ", ".join(sorted(option.typer.opts, key=len, reverse=True))
    off = "".join(f" / {name}" for name in option.typer.secondary_opts)
    return f"{names}{off} {value(option)}".rstrip()


def value(parameter: Parameter) -> str:
    """What stands for a value: its choices, the command line's own word, or one for its type."""
    kind = get_args(parameter.kind)[0] if parameter.is_repeatable else parameter.kind
    if choices := choices_of(kind):
        return "|".join(choices)
    return "" if kind is bool else parameter.typer.metavar or VALUES[kind]


def choices_of(kind: Any) -> list[str]:
    """The values that a type allows, or nothing if it allows any."""
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    return [str(choice.value) for choice in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


def meaning(parameter: Parameter) -> str:
    """The help text, with the default and the environment variable."""
    sentences = [str(parameter.typer.help)]
    default = parameter.typer.default
    if default not in (None, False) and not parameter.typer.required:
        shown = getattr(default, "value", default)
        sentences.append(f"Default: {'on' if shown is True else shown}.")
    if parameter.typer.envvar:
        sentences.append(f"Environment: `{parameter.typer.envvar}`.")
    return " ".join(sentences)


def table(head: str, rows: Sequence[tuple[str, str]]) -> str:
    """A Markdown table of spellings and what they mean."""
    lines = [f"| `{escaped(spelling)}` | {escaped(text)} |" for spelling, text in rows]
    return "\n".join([f"| {head} | meaning |", "|---|---|", *lines])


def escaped(text: str) -> str:
    """Text for a cell: a bar would end it."""
    return text.replace("|", "\\|")


def code_block(lines: Sequence[str]) -> str:
    """Lines of the shell, indented as code."""
    return "\n".join(f"    {line}" for line in lines)


if __name__ == "__main__":
    main()
