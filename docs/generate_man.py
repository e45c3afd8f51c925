"""Write docs/femb.1, the manual page: the same content as docs/commands.md, for `man femb`.

python docs/generate_man.py
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
from generate_commands import argument_usage, meaning, option_usage, read_parameters, split_docstring

from femb_cli import __version__
from femb_cli.cli.app import build_app

PAGE = Path(__file__).with_name("femb.1")
RULES = Path(__file__).with_name("README.md")
EXIT_CODES = {
    "0": "Done.",
    "1": "femb could not do it, or a limit such as --min-accuracy was missed.",
    "2": "Wrong usage.",
    "130, 143": "Ended by SIGINT (Ctrl-C) or SIGTERM.",
}
_ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}


def main() -> None:
    """Write the page."""
    PAGE.write_text(man_page(), encoding="utf-8")


def man_page() -> str:
    """The whole page, in the macros of man(7)."""
    group: Any = typer.main.get_command(build_app())
    lines = [
        f'.TH FEMB 1 "" "femb {__version__}" "User Commands"',
        ".SH NAME",
        "femb \\- train, run and verify face embedding networks",
        ".SH SYNOPSIS",
        ".B femb",
        ".I COMMAND",
        "[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]",
        ".SH DESCRIPTION",
        *text("The result of a command goes to stdout; progress, notes, warnings and errors go to stderr."),
        *text("The commands are described below in the order of femb --help."),
    ]
    for name, command in group.commands.items():
        lines += section(name, command)
    lines += [".SH EXIT STATUS", *tagged(EXIT_CODES.items())]
    lines += [".SH ENVIRONMENT", *tagged(environment(RULES.read_text(encoding="utf-8")))]
    return "\n".join(lines) + "\n"


def section(name: str, command: Any) -> Iterator[str]:
    """The lines of one command: usage, description, arguments, options and examples."""
    description, examples = split_docstring(command.callback)
    parameters = read_parameters(command)
    arguments = [one for one in parameters if not one.is_option]
    options = [one for one in parameters if one.is_option]
    yield f'.SH "FEMB {escaped(name.upper())}"'
    usage = " ".join(["femb", name, *map(argument_usage, arguments), *(["[OPTIONS]"] if options else [])])
    yield f".B {escaped(usage)}"
    for paragraph in description.split("\n\n"):
        yield ".PP"
        yield from text(" ".join(paragraph.split()))
    yield from tagged((argument_usage(one), meaning(one)) for one in arguments)
    yield from tagged((option_usage(one), meaning(one)) for one in options)
    if examples:
        yield from (".PP", "Examples:", ".PP", ".EX", *(f"  {escaped(line)}" for line in examples), ".EE")


def tagged(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The lines of a list: each spelling in bold, with its meaning indented below."""
    for spelling, words in rows:
        yield ".TP"
        yield f".B {escaped(spelling)}"
        yield from text(words)


def text(words: str) -> Iterator[str]:
    """A line of running text; it must not begin as a macro does."""
    line = escaped(words.replace("`", ""))
    yield f"\\&{line}" if line.startswith((".", "\\(aq")) else line


def escaped(words: str) -> str:
    """Text as roff takes it, with characters that stay what they are when they are copied."""
    return "".join(_ESCAPES.get(character, character) for character in words)


def environment(rules: str) -> list[tuple[str, str]]:
    """The environment variables and their meanings, from the table in docs/README.md."""
    return [(name, words) for name, words in re.findall(r"^\| `(FEMB_\w+)` \| (.*) \|$", rules, re.MULTILINE)]


if __name__ == "__main__":
    main()
