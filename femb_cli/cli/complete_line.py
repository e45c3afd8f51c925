"""What can stand at the cursor of a command line: commands, options or values.

The commands, and the values that `femb_cli.cli.complete` knows, need no import of a command; everything else is read
from the signature of the one command on the line. Typer's own completion would load pydantic, Rich and all commands.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args, get_origin

from femb_cli.cli.commands import COMMANDS, SUMMARIES, load
from femb_cli.cli.complete import OF_ARGUMENT, OF_OPTION

HELP = ("--help", "Show this message and exit.")
OF_FEMB = (
    HELP,
    ("--version", "Show femb's version."),
    ("--install-completion", "Let your shell complete femb's commands, options and values."),
    ("--show-completion", "Show your shell's script for it."),
)
"""The options of `femb` itself."""


class Candidate(NamedTuple):
    """A word that can stand at the cursor, and its meaning; a value has none."""

    word: str
    meaning: str = ""


class Parameter(NamedTuple):
    """An option or an argument of a command.

    Attributes:
        names: how an option is written; empty for an argument.
        meaning: its help.
        choices: the only values that it takes; empty if it takes any.
        is_flag: whether it takes no value.
        is_list: whether it can be given several times.
    """

    names: tuple[str, ...]
    meaning: str
    choices: tuple[str, ...]
    is_flag: bool
    is_list: bool


def complete_line(words: Sequence[str]) -> list[Candidate] | None:
    """Return what can stand at the cursor; None for the path of a file, which the shell completes itself.

    Args:
        words: the words behind `femb`, up to the one at the cursor, which may be empty or half written.
    """
    *before, word = words
    if not before or before == ["help"]:
        return _beginning(word, OF_FEMB if word.startswith("-") else SUMMARIES.items())
    command, *before = before
    if command not in COMMANDS:
        return []
    option, equals, value = word.partition("=")
    if equals and option.startswith("--"):
        return _values(command, option, value, lead=f"{option}=")
    if before and _takes_value(command, before[-1]):
        return _values(command, before[-1], word)
    if word.startswith("-"):
        return _beginning(word, [*_options(command), HELP])
    return _arguments(command, before, word)


def parameters_of(command: str) -> Iterator[Parameter]:
    """Yield the parameters of a command, as its signature declares them to Typer."""
    from typer.utils import get_params_from_function

    for parameter in get_params_from_function(load(command)).values():
        declared, kind = parameter.default, parameter.annotation
        if hasattr(declared, "param_decls"):  # Typer's context has none
            names = [name for names in declared.param_decls or () for name in names.split("/")]
            is_list = any(get_origin(each) is list for each in (kind, *get_args(kind)))
            yield Parameter(tuple(names), declared.help or "", _choices(kind), kind is bool, is_list)


def _choices(kind: Any) -> tuple[str, ...]:
    """Return the values of a `Literal`, also of one inside `X | None`."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return tuple(choice for member in get_args(kind) for choice in _choices(member))


def _options(command: str) -> Iterator[tuple[str, str]]:
    """Yield the long names of the options with their help."""
    for parameter in parameters_of(command):
        yield from ((name, parameter.meaning) for name in parameter.names if name.startswith("--"))


def _takes_value(command: str, word: str) -> bool:
    """Whether a word is an option whose value comes next."""
    if not word.startswith("-") or "=" in word:
        return False
    return word in OF_OPTION or any(word in each.names and not each.is_flag for each in parameters_of(command))


def _values(command: str, option: str, start: str, lead: str = "") -> list[Candidate] | None:
    """Return the values of an option that begin so, each behind `lead`."""
    if option in OF_OPTION:
        found = OF_OPTION[option](start)
    else:
        choices = [choice for each in parameters_of(command) if option in each.names for choice in each.choices]
        if not choices:
            return None
        found = [choice for choice in choices if choice.startswith(start)]
    return [Candidate(lead + value) for value in found]


def _arguments(command: str, before: Sequence[str], start: str) -> list[Candidate] | None:
    """Return the values of the command's first argument, and of the further ones of a list; None for all others."""
    if before:
        follow = zip(["", *before], before, strict=False)
        given = [word for last, word in follow if not word.startswith("-") and not _takes_value(command, last)]
        first = next((each for each in parameters_of(command) if not each.names), None)
        if given and not (first and first.is_list):
            return None
    if command in OF_ARGUMENT:
        return [Candidate(value) for value in OF_ARGUMENT[command](start)]
    arguments = [each for each in parameters_of(command) if not each.names]
    if arguments and not arguments[0].choices:
        return None
    return [Candidate(choice) for each in arguments[:1] for choice in each.choices if choice.startswith(start)]


def _beginning(start: str, pairs: Iterable[tuple[str, str]]) -> list[Candidate]:
    return [Candidate(*pair) for pair in pairs if pair[0].startswith(start)]
