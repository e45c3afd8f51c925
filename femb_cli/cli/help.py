"""The help of femb and of its commands, as plain text: options in groups, what they mean in one wide column."""

import inspect
import re
import shutil
from collections.abc import Iterable, Sequence
from textwrap import fill, wrap
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from femb_cli.cli.commands import BY_PURPOSE

LEFT_COLUMN, WIDEST = 26, 100
OTHER_OPTIONS = "Options"
GROUPS = ("Arguments", OTHER_OPTIONS, "Input", "Photos", "Model", "Machine", "Output")
"""The groups of parameters, in their order; others come before the last one."""

_RANGES = ((re.compile(r"x>=(\S+?)(?=[;\]])"), r"at least \1"), (re.compile(r"(\S+)<=x<=(\S+?)(?=[;\]])"), r"\1 to \2"))
_VALUES = {"int": "N", "int range": "N", "float": "X", "float range": "X", "str": "TEXT", "path": "PATH"}
"""What stands for a value of each type where an option names no other word."""

Row = tuple[str, str]


class Command(TyperCommand):
    """A command of femb with this help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the command's help."""
        formatter.write(_page(self, ctx, _parameter_groups(self, ctx)))


class Group(TyperGroup):
    """`femb` itself: its commands by what they are for, then its own options."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help of femb."""
        commands = {purpose: list(entries.items()) for purpose, entries in BY_PURPOSE.items()}
        formatter.write(_page(self, ctx, {**commands, **_parameter_groups(self, ctx)}))


def _page(command: Any, ctx: Any, groups: dict[str, list[Row]]) -> str:
    """Return usage, description and groups of rows."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    pieces = " ".join(command.collect_usage_pieces(ctx)).translate({ord("{"): "", ord("}"): ""}).upper()
    pieces = re.sub(r"\[\[(\w+)\](\.*)\](\.*)", r"[\1]\2\3", pieces)  # of an argument whose own name has brackets
    usage = f"{ctx.command_path} {pieces.replace('......', '...')}"
    parts = [f"{_heading('Usage')} {usage}", *_paragraphs(command.help or "", width)]
    longest = max(len(spelling) for rows in groups.values() for spelling, _ in rows)
    left = min(LEFT_COLUMN, longest + 4)
    for title, rows in groups.items():
        parts.append("\n".join([_heading(title), *_two_columns(rows, left, width)]))
    return "\n\n".join(parts) + "\n"


def _paragraphs(text: str, width: int) -> Iterable[str]:
    """Yield the paragraphs of a docstring; one that begins with a backspace keeps its lines."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if not paragraph.startswith("\b"):
            yield fill(" ".join(paragraph.split()), width, break_on_hyphens=False)
            continue
        first, *lines = paragraph.removeprefix("\b\n").splitlines()
        yield "\n".join([_heading(first.rstrip(":")), *lines])


def _parameter_groups(command: Any, ctx: Any) -> dict[str, list[Row]]:
    """Return spelling and meaning of each parameter, by group."""
    groups: dict[str, list[Row]] = {}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None:
            default = "Arguments" if param.param_type_name == "argument" else OTHER_OPTIONS
            group = groups.setdefault(getattr(param, "rich_help_panel", None) or default, [])
            group.append((_spelling(param, ctx), _in_words(record[1])))
    order = {title: place for place, title in enumerate(GROUPS)}
    return dict(sorted(groups.items(), key=lambda item: order.get(item[0], len(GROUPS) - 2)))


def _spelling(param: Any, ctx: Any) -> str:
    """Return how a parameter is written: the short form first, and a word for its value."""
    if param.param_type_name == "argument":
        name = str(param.display_name_raw).upper()
        many = "..." if param.nargs != 1 or name.endswith("...") else ""
        return name.removesuffix("...").strip("{}[]") + many
    names = ", ".join(sorted(param.opts, key=lambda name: name.startswith("--")))
    off = "".join(f" / {name}" for name in param.secondary_opts)
    kind = "" if param.is_flag else str(param.display_type_rich(ctx)).strip("<>.")
    return f"{names}{off} {_VALUES.get(kind.removeprefix('list[').removesuffix(']'), kind)}".rstrip()


def _in_words(text: str) -> str:
    """Return a parameter's meaning, with its limits in words."""
    for pattern, words in _RANGES:
        text = pattern.sub(words, text)
    return text.replace("  [required]", "").replace("  [", " [").strip()


def _two_columns(rows: Sequence[Row], left: int, width: int) -> Iterable[str]:
    """Yield the lines of rows: a long spelling has a line of its own."""
    for spelling, meaning in rows:
        lines = wrap(meaning, width - left, break_on_hyphens=False) or [""]
        start = f"  {spelling}"
        if len(start) > left - 2:
            yield start
            start = ""
        yield (start.ljust(left) + lines[0]).rstrip()
        yield from (" " * left + line for line in lines[1:])


def _heading(title: str) -> str:
    return typer.style(f"{title}:", bold=True)
