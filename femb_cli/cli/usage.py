"""Usage errors in femb's own words: what is wrong with the arguments of a command, and what it takes."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from typer.exceptions import TyperException

from femb_cli.errors import UsageError
from femb_cli.text import in_plain_words

_QUOTED = re.compile(r"'([^']*)'")

OTHER_SPELLINGS = {
    "--no-flip": "--flip none adds no mirror images",
    "--min-score": "--threshold X leaves out hits with a lower cosine",
    "--matches": "--out FILE writes the matches",
    "--output": "--out FILE is the output",
    "--force": "--overwrite replaces an output that exists",
    "--gpu": "--device 0 chooses a GPU, --gpus N several",
    "--verbose": "--quiet leaves notes out; without it femb says everything",
    "-v": "--quiet leaves notes out; without it femb says everything",
    "--skip-bad": "--on-error skip leaves unreadable images out and lists them",
    "--on-error": "--skip-bad leaves unreadable images out and lists them",
    "--align": "--always finds the faces of small images, too",
    "--family": "--from FAMILY names the family of the weights",
}
"""Options that other programs have, or femb once had, and what to write instead."""
_SURPLUS = re.compile(r"got unexpected extra argument\(?s?\)? \((.*)\)")
_FLIP = "--flip sum adds the embedding of the mirror image, --flip none does not"
_OUT = "-o FILE names the output"
_LIKE = 0.75
"""Likeness from which a known option is proposed for an unknown one."""
_MOST_OF_HINT = 74
"""Characters of a hint that fits 80 columns."""


def explain_usage_error(error: TyperException, arguments: Sequence[str] = ()) -> UsageError | None:
    """Return the error of wrong arguments, in one line, with a hint; None if there were no arguments at all.

    Args:
        error: Typer's error; its class says what it is about, but is not public.
        arguments: of femb; some errors do not say of which command they are.
    """
    kind, context = type(error).__name__, getattr(error, "ctx", None)
    if kind == "NoArgsIsHelpError":
        return None
    command = context.command_path if context is not None else " ".join(["femb", *arguments[:1]])
    hint = f"{command} --help shows what it takes"
    if kind == "NoSuchOption":
        option = getattr(error, "option_name", "")
        return UsageError(f"{command} has no option {option}", hint=_instead(option, context, arguments) or hint)
    message, _, proposal = " ".join(error.format_message().split()).partition(" Did you mean ")
    where, colon, problem = _as_clause(message).rpartition(": ")
    problem = in_plain_words(problem)
    given, is_choice, choices = problem.partition(" is not one of ")
    if is_choice:
        where = where.removeprefix("invalid value for ").replace("'", "")
        where = where if where.startswith("-") else where.upper()
        known = _FLIP if "--flip" in where else _choose(given.strip("'"), _QUOTED.findall(choices))
        return UsageError(f"{where} takes no {given}", hint=known or hint)
    problem = f"{where}{colon}{problem}"
    if surplus := _SURPLUS.fullmatch(problem):
        if "--dataset" in _options_of(context):
            hint = f"--dataset {surplus[1]} names a benchmark"
        return UsageError(f"{command} takes no further argument: {surplus[1]}", hint=hint)
    if "'--flip'" in problem:
        hint = _FLIP
    if "'--out'" in problem:
        hint = f"{_OUT}; {hint}"
    return UsageError(problem, hint=f"did you mean {proposal}" if proposal else hint)


def _options_of(context: Any) -> set[str]:
    return set() if context is None else {name for parameter in context.command.params for name in parameter.opts}


def _instead(option: str, context: Any, arguments: Sequence[str]) -> str:
    """Return what to write instead of an option that a command does not have; empty if that is not known."""
    if known := _other_spelling(option, context):
        return known
    options = _options_of(context)
    if nearest := get_close_matches(option, [name for name in options if name.startswith("--")], n=1, cutoff=_LIKE):
        return f"did you mean {nearest[0]}?"
    return _as_setting(option, arguments) if "--set" in options else ""


def _as_setting(option: str, arguments: Sequence[str]) -> str:
    """Return how to write an option as the setting of its name; empty if there is none."""
    from femb_cli.cli.complete import settings

    name = option.removeprefix("--").replace("-", "_")
    known = [key for setting in settings("") if (key := setting.removesuffix("=")) != "data"]  # the dataset's kind
    where = next((place for place, word in enumerate(arguments) if word.partition("=")[0] == option), len(arguments))
    value = "".join(arguments[where : where + 1]).partition("=")[2] or "".join(arguments[where + 1 : where + 2])
    key = name if name in known else _of_header(name, known)
    return f"--set {key}={value or 'VALUE'} changes it" if key and not value.startswith("-") else ""


def _of_header(name: str, known: Sequence[str]) -> str:
    """Return the setting of the header or another section that ends in a name; empty if several sections have it."""
    keys = [key for key in known if key.partition(".")[2] == name]
    return keys[0] if len(keys) == 1 else next((key for key in keys if key.startswith("header.")), "")


def _choose(given: str, choices: Sequence[str]) -> str:
    """Name all choices, or the one most like the one given if they do not fit a line; empty if none is like it."""
    listed = f"choose one of {', '.join(choices)}"
    if len(listed) <= _MOST_OF_HINT:
        return listed
    nearest = get_close_matches(given, choices, n=1)
    return f"did you mean {nearest[0]}?" if nearest else ""


def _other_spelling(option: str, context: Any) -> str:
    """Return what to write instead of an option that a command does not have; empty if that is not known."""
    parameters = context.command.params
    if option in ("-o", "--out", "--output") and any(parameter.metavar == "DST" for parameter in parameters):
        return "the output is the last argument, DST"
    hint = OTHER_SPELLINGS.get(option, "")
    return hint if hint.partition(" ")[0] in _options_of(context) else ""


def _as_clause(sentence: str) -> str:
    """Return a sentence without its capital letter and its full stop."""
    return sentence[:1].lower() + sentence[1:].removesuffix(".")
