"""Completion in bash: words with `=` are put together again, and values are answered without loading Typer.

bash breaks `--set optimizer.lr=0.1` into three words, and replaces only the last one.
"""

import shlex
from collections.abc import MutableMapping

from femb_cli.cli.complete import OF_ARGUMENT, OF_OPTION, Completer


def answer(environment: MutableMapping[str, str]) -> list[str] | None:
    """Return what completes the word at the cursor; None if Typer has to find it.

    Args:
        environment: `COMP_WORDS` and `COMP_CWORD`, as the script of Typer sets them; for Typer they get the words that
            are put together.
    """
    try:
        words = shlex.split(environment.get("COMP_WORDS", ""))
        cursor = int(environment.get("COMP_CWORD", ""))
    except ValueError:  # a quote without an end
        return None
    words = join_words([*words[:cursor], words[cursor] if cursor < len(words) else ""])
    environment["COMP_WORDS"], environment["COMP_CWORD"] = shlex.join(words), str(len(words) - 1)
    word = words[-1]
    option, equals, value = word.partition("=")
    if equals and option in OF_OPTION:
        found = [f"{option}={each}" for each in OF_OPTION[option](value)]
    elif (completer := completer_of(words)) is not None:
        found = completer(word)
    else:
        return None
    kept = word.rfind("=") + 1  # bash replaces what stands behind the last sign
    return [each[kept:] for each in found]


def completer_of(words: list[str]) -> Completer | None:
    """Return what completes the last of some words, by the option before it or by the command; None if unknown."""
    if len(words) > 2 and words[-2] in OF_OPTION:
        return OF_OPTION[words[-2]]
    return OF_ARGUMENT.get(words[1]) if len(words) == 3 and not words[-1].startswith("-") else None


def join_words(words: list[str]) -> list[str]:
    """Put `a`, `=` and `b` together to `a=b`."""
    joined: list[str] = []
    for word in words:
        if joined and (word == "=" or joined[-1].endswith("=")):
            joined[-1] += word
        else:
            joined.append(word)
    return joined
