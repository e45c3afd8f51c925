"""Everything that femb says: results on stdout, and notes, progress and logs on stderr."""

import json as json_module
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from femb_cli.progress import Progress
from femb_cli.runtime.logging import configure_logging
from femb_cli.runtime.ranks import is_main_process


class Output:
    """What one command says, given its `--json` and `--quiet`."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json, self.quiet = json, quiet
        configure_logging(quiet=quiet)
        warnings.showwarning = lambda message, *_, **__: self.warn(str(message))

    def say(self, text: str) -> None:
        """A note, unless quiet."""
        if not self.quiet:
            typer.echo(text, err=True)

    def warn(self, text: str) -> None:
        """A warning, always."""
        typer.echo(f"warning: {text}", err=True)

    def next(self, *commands: str) -> None:
        """What to run next."""
        self.say("\nnext:\n" + "\n".join(f"  {command}" for command in commands))

    def result(self, data: Any, text: str) -> None:
        """The result: the data as one JSON document under `--json`, else the text."""
        typer.echo(json_module.dumps(data, indent=2, ensure_ascii=False) if self.json else text)

    def facts(self, facts: Mapping[str, Any]) -> None:
        """A result of one `name   value` a line."""
        self.result(facts, format_pairs(facts))

    def table(self, data: Any, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A result with several rows."""
        self.result(data, format_table(columns, rows))

    def load_libraries(self) -> None:
        """Say that importing torch takes a moment, where a person is waiting."""
        if "torch" not in sys.modules and sys.stderr.isatty() and not self.json:
            self.say("loading torch ...")

    @contextmanager
    def progress(self, label: str) -> Iterator[Progress | None]:
        """Yield a function of (done, total) that moves a bar on stderr; None where nobody would see it."""
        hidden = self.quiet or self.json or os.environ.get("FEMB_NO_PROGRESS") or not sys.stderr.isatty()
        if hidden or not is_main_process():
            yield None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as ProgressBar

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with ProgressBar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total or None)


def percent(rate: float) -> str:
    """A rate in [0, 1] as percent, with two decimals."""
    return f"{100 * rate:.2f} %"


def format_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, the first to the left and the others to the right; the same in a file and on a screen."""
    widths = [max(len(row[index]) for row in (columns, *rows)) for index in range(len(columns))]
    lines = [
        "   ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (columns, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def format_pairs(pairs: Mapping[str, Any]) -> str:
    """One `name   value` a line."""
    width = max(len(name) for name in pairs)
    return "\n".join(f"{name.ljust(width)}   {value}" for name, value in pairs.items())
