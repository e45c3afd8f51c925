"""`--model NAME=PATH` of `femb verify`: what tables and pages call a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from femb_cli.errors import UsageError


class NamedModel(NamedTuple):
    """A model on the command line.

    Attributes:
        name: what to call it; empty for its own name.
        path: where it is.
    """

    name: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> "NamedModel":
        """Read `NAME=PATH` or `PATH`; a path that is there may have the sign itself, and a name has no slash."""
        name, equals, path = text.partition("=")
        if not equals or "/" in name or Path(text).exists():
            return cls("", Path(text))
        if not name or not path:
            raise UsageError(f"--model {text!r} lacks a name or a path", hint="write --model NAME=PATH or --model PATH")
        return cls(name, Path(path))


def named_models(texts: Sequence[str] | None) -> list[NamedModel]:
    """Read all models of the command line.

    Raises:
        UsageError: a name or a path is empty, a model is given twice without names, or two models have one name.
    """
    models = [NamedModel.parse(text) for text in texts or ()]
    names = [model.name or str(model.path) for model in models]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two models are called {twice!r}", hint="give each --model NAME=PATH a name of its own")
    return models
