"""The commands of femb by what people want to do, in the order of the help, each with a line about it.

A command's module is imported only when the command is asked for: the help and the completion of names need none.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from femb_cli.errors import UsageError

BY_PURPOSE = {
    "Use faces": {
        "align": "Cut the faces out of photos, aligned, 112 x 112 pixels.",
        "embed": "Embed images into a file of embeddings.",
        "search": "Find the most similar faces of a gallery.",
        "group": "Put the faces of one person together.",
        "compare": "Tell whether two faces are one person's.",
    },
    "Train networks": {
        "convert": "Convert a face dataset to a Hugging Face dataset.",
        "train": "Train a network on a face dataset.",
        "report": "Compare training runs, or results, on one HTML page.",
    },
    "Measure networks": {
        "verify": "Verify models on pairs: accuracy, TAR, FNMR, EER.",
        "identify": "Search probes in a gallery: rank-k rates, TPIR.",
    },
    "Move networks": {
        "convert-checkpoint": "Convert official weights to a femb checkpoint.",
        "export": "Export a network: ONNX, TorchScript, the Hub and others.",
    },
    "Look things up": {
        "list": "List headers, backbones, benchmarks, runs and others.",
        "config": "Check a configuration and show all its values.",
        "inspect": "Show what a model or data is, and what is wrong with it.",
        "env": "Show this machine, and how femb computes on it.",
        "version": "Show femb's version.",
        "help": "Show the help of femb, or of a command: femb help train.",
    },
}
SUMMARIES = {name: summary for commands in BY_PURPOSE.values() for name, summary in commands.items()}
COMMANDS = tuple(name for name in SUMMARIES if name not in ("version", "help"))
"""The commands that have a function; `femb version` and `femb help` are `femb --version` and `femb --help`."""

_FUNCTIONS = {"list": "list_entries"}
"""Functions that are not named as their command, because Python has that name itself."""


def load(command: str) -> Callable[..., Any]:
    """Import the function of a command."""
    name = command.replace("-", "_")
    function: Callable[..., Any] = getattr(import_module(f"femb_cli.cli.{name}"), _FUNCTIONS.get(command, name))
    return function


def check(command: str) -> None:
    """Refuse a name that no command has, and propose the nearest.

    Raises:
        UsageError: if there is no such command.
    """
    if command not in SUMMARIES:
        from difflib import get_close_matches

        nearest = get_close_matches(command, SUMMARIES, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else "femb --help lists the commands"
        raise UsageError(f"femb has no command {command!r}", hint=hint)
