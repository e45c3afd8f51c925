"""`--model NAME=PATH` and `--scores NAME=FILE` of `femb verify`: what tables and pages call a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from femb_cli.errors import UsageError


class NamedPath(NamedTuple):
    """A model, or a file of its scores, on the command line.

    Attributes:
        name: what to call the model; empty for its own name.
        path: where it is.
    """

    name: str
    path: Path

    @classmethod
    def parse(cls, text: str, option: str) -> "NamedPath":
        """Read `NAME=PATH` or `PATH`; a path that is there may have the sign itself, and a name has no slash."""
        name, equals, path = text.partition("=")
        if not equals or "/" in name or Path(text).exists():
            return cls("", Path(text))
        if not name or not path:
            raise UsageError(
                f"{option} {text!r} lacks a name or a path", hint=f"write {option} NAME=PATH or {option} PATH"
            )
        return cls(name, Path(path))


def named_paths(texts: Sequence[str] | None, option: str) -> list[NamedPath]:
    """Read all values of an option.

    Raises:
        UsageError: a name or a path is empty, a model is given twice without names, or two models have one name.
    """
    paths = [NamedPath.parse(text, option) for text in texts or ()]
    refuse_one_name(paths, option)
    return paths


def refuse_one_name(paths: Sequence[NamedPath], option: str) -> None:
    """Refuse two models of one name.

    Raises:
        UsageError: there are two.
    """
    names = [each.name or str(each.path) for each in paths]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two models are called {twice!r}", hint=f"give each {option} NAME=PATH a name of its own")
