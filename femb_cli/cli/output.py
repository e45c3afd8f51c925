"""All output of a command: its result on stdout; notes, progress and logs on stderr."""

import json as json_module
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import typer

from femb_cli.progress import Progress
from femb_cli.runtime.logging import above_live_line, configure_logging
from femb_cli.runtime.progress_bar import progress_bar
from femb_cli.runtime.ranks import is_main_process
from femb_cli.text import columns_of, printable, printable_json


class Output:
    """The output of one command, under its `--json` and `--quiet`."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json, self.quiet = json, quiet
        configure_logging(quiet=quiet, live=not json)
        # Pillow warns of odd EXIF data and the like without naming the image; femb names those that it cannot read.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.showwarning = lambda message, *_, **__: self.warn(str(message))

    def say(self, text: str) -> None:
        """Print a note on stderr, with `--quiet` only a warning; of a launcher's processes, only the main one does."""
        if not self.quiet or text.startswith("warning: "):
            self._print(text)

    def warn(self, text: str) -> None:
        """Print a warning on stderr, even with `--quiet`; of a launcher's processes, only the main one does."""
        self._print(f"warning: {text}")

    def error(self, text: str) -> None:
        """Print why the command fails on stderr, as `warn` does."""
        self._print(f"error: {text}")

    def _print(self, text: str) -> None:
        if is_main_process():
            with above_live_line():
                typer.echo(printable(text), err=True)

    def next(self, *commands: str) -> None:
        """Print the commands that the user may want to run next; nothing if there are none."""
        if not commands:
            return
        self.say("\nnext:\n" + "\n".join(f"  {command}" for command in commands))

    def result(self, data: Any, text: str) -> None:
        """Print the result on stdout: the data as one JSON document with `--json`, else the text."""
        document = json_module.dumps(data, indent=2, ensure_ascii=False) if self.json else ""
        typer.echo(printable_json(document) if self.json else printable(text))

    def fields(self, fields: Mapping[str, Any]) -> None:
        """Print a result that has one `name   value` on each line."""
        self.result(fields, format_pairs(fields))

    def summary(self, summary: Mapping[str, Any]) -> None:
        """Print what a command did, as `fields`; lists and counts by name are in the JSON document only."""
        shown = {name: value for name, value in summary.items() if not isinstance(value, list | dict)}
        self.result(summary, format_pairs(shown))

    def plan(self, inputs: Sequence[Mapping[str, Any]], outputs: Mapping[str, Path | None]) -> None:
        """Print what a dry run would read, and the files that it would write; None for those that are not asked for."""
        written = {name: str(path) for name, path in outputs.items() if path is not None}
        texts = [format_pairs(item) for item in (*inputs, {f"writes {name}": path for name, path in written.items()})]
        self.result({"reads": [*map(dict, inputs)], "writes": written}, "\n\n".join(filter(None, texts)))

    def table(self, data: Any, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a result that has rows and columns."""
        self.result(data, format_table(columns, rows))

    def load_libraries(self) -> None:
        """Print a note before the slow import of torch, if a person is waiting at a terminal."""
        if "torch" not in sys.modules and sys.stderr.isatty() and not self.json:
            self.say("loading torch ...")

    def progress(self, label: str) -> AbstractContextManager[Progress | None]:
        """Show a progress bar on stderr while the `with` block runs.

        A person at a terminal sees it, of a launcher's processes only the main one's; not with `--quiet`, `--json` or
        FEMB_NO_PROGRESS.

        Args:
            label: what is done, such as `drawing faces`; starts with a verb.

        Returns:
            A context that returns the function that moves the bar, or None where no bar is shown.
        """
        return progress_bar(label)


def percent(rate: float) -> str:
    """A rate in [0, 1] as percent, with two decimals."""
    return f"{100 * rate:.2f} %"


def format_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, gap: str = "   ", num_left: int = 1) -> str:
    """Columns of text under their headings: the first ones aligned to the left, the others to the right."""
    widths = [max(columns_of(row[index]) for row in (columns, *rows)) for index in range(len(columns))]
    lines = [
        gap.join(
            f"{cell}{' ' * (width - columns_of(cell))}"
            if index < num_left
            else f"{' ' * (width - columns_of(cell))}{cell}"
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (columns, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def format_pairs(pairs: Mapping[str, Any]) -> str:
    """One `name   value` on each line, the values below each other."""
    width = max(map(len, pairs), default=0)
    return "\n".join(f"{name.ljust(width)}   {value}" for name, value in pairs.items())
