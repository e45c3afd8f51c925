"""The file that holds the result of a search or of groups: `.csv`, a table, or `.json`, as `--json` prints it."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from femb_cli.files import new_file


def write_table_file(
    path: Path, document: Any, columns: Sequence[str], rows: Iterable[Sequence[object]], *, overwrite: bool = False
) -> None:
    """Write a `.json` file with the document, or a `.csv` file with the rows below their columns.

    Raises:
        FembError: the file exists and `overwrite` is false, or cannot be written.
    """
    if path.suffix.lower() == ".json":
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    else:
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([columns, *rows])
        text = table.getvalue()
    with new_file(path, overwrite=overwrite) as aside:
        aside.write_text(text, encoding="utf-8")
