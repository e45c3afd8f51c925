"""Usage errors in femb's own words: what is wrong with the arguments of a command, and what it takes."""

import re
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
}
"""Options that other programs have, or femb once had, and what to write instead."""
_FLIP = "--flip sum adds the embedding of the mirror image, --flip none does not"


def explain_usage_error(error: TyperException) -> UsageError | None:
    """Return the error of wrong arguments, in one line, with a hint; None if there were no arguments at all.

    Args:
        error: Typer's error; its class says what it is about, but is not public.
    """
    kind, context = type(error).__name__, getattr(error, "ctx", None)
    if kind == "NoArgsIsHelpError":
        return None
    command = "femb" if context is None else context.command_path
    hint = f"{command} --help shows what it takes"
    if kind == "NoSuchOption":
        option, known = getattr(error, "option_name", ""), getattr(error, "possibilities", None)
        instead = _other_spelling(option, context) or _propose(known)
        return UsageError(f"{command} has no option {option}", hint=instead or hint)
    message, _, proposal = " ".join(error.format_message().split()).partition(" Did you mean ")
    where, colon, problem = _as_clause(message).rpartition(": ")
    problem = f"{where}{colon}{in_plain_words(problem)}"
    if "'--flip'" in problem:
        return UsageError(problem, hint=_FLIP)
    return UsageError(problem, hint=f"did you mean {proposal}" if proposal else _nearest(problem) or hint)


def _other_spelling(option: str, context: Any) -> str:
    """Return what to write instead of an option that a command does not have; empty if that is not known."""
    parameters = context.command.params
    if option in ("-o", "--out", "--output") and any(parameter.metavar == "DST" for parameter in parameters):
        return "the output is the last argument, DST"
    hint = OTHER_SPELLINGS.get(option, "")
    has = {name for parameter in parameters for name in parameter.opts}
    return hint if hint.partition(" ")[0] in has else ""


def _nearest(problem: str) -> str:
    """Propose the choice that is most like the one given, in `'r50' is not one of 'a', 'b'`."""
    given, _, choices = problem.partition(" is not one of ")
    nearest = get_close_matches(given.rpartition(" ")[2].strip("'"), _QUOTED.findall(choices), n=1)
    return f"did you mean {nearest[0]}?" if nearest else ""


def _propose(names: object) -> str:
    return f"did you mean {' or '.join(sorted(names))}?" if isinstance(names, list) and names else ""


def _as_clause(sentence: str) -> str:
    """Return a sentence without its capital letter and its full stop."""
    return sentence[:1].lower() + sentence[1:].removesuffix(".")
