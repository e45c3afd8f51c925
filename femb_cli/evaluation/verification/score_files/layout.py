"""What a file of scores looks like, from some of its lines: its columns, or one score on each line."""

import os
from dataclasses import replace
from pathlib import Path

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_formats.columns import ColumnChoice, are_decimals
from femb_cli.evaluation.verification.pair_formats.flags import is_flag_column
from femb_cli.evaluation.verification.pair_formats.layout import WHITE_SPACE, TableLayout, find_layout, split_lines
from femb_cli.text import cut, lines_of, other_encoding

_FIRST_BYTES = 1 << 18
_MORE_PLACES = 16
_MORE_BYTES = 1 << 13


def layout_of_scores(path: Path, columns: ColumnChoice) -> TableLayout:
    """Find the layout of a file of scores.

    Args:
        path: the file.
        columns: what the user says about its columns.

    Raises:
        FembError: the file cannot be read, is empty, or no column can be told to be the score.
    """
    lines = _some_lines(path)
    if not lines:
        raise FembError(f"{path} is empty")
    claimed = None if columns.columns else _claimed_identities(lines)
    layout = claimed or _single_column(lines) or find_layout(lines, ("score",), columns)
    if layout is None:
        raise FembError(
            f"{path} has no column of scores; its first line is {cut(lines[0], 100)!r}",
            hint="--columns score=COLUMN,mated=COLUMN names them, by name or number from 1",
        )
    return layout


def _single_column(lines: list[str]) -> TableLayout | None:
    """One score on each line, perhaps below a title."""
    header_lines = int(not are_decimals([lines[0].strip()]))
    if len(lines) == header_lines or not are_decimals([line.strip() for line in lines[header_lines:]]):
        return None
    return TableLayout(WHITE_SPACE, ("score",), header_lines, {"score": 0})


def _claimed_identities(lines: list[str]) -> TableLayout | None:
    """The columns of a biometric toolbox: claimed identity, (model,) real identity, probe, score, without a header row.

    A pair is genuine if both identities are equal.
    """
    for delimiter in (WHITE_SPACE, "\t", ",", ";"):
        rows = [*split_lines(lines, delimiter)]
        width = len(rows[0])
        if width not in (4, 5) or any(len(row) != width for row in rows):
            continue
        cells = [[row[place] for row in rows] for place in range(width)]
        if not are_decimals(cells[-1]) or any(is_flag_column(column) for column in cells[2:]):
            continue
        real = width - 3
        if {*cells[0]} & {*cells[real]}:
            names = [f"column {place + 1}" for place in range(width)]
            roles = {"ref_subject": 0, "probe_subject": real, "score": width - 1}
            return TableLayout(delimiter, tuple(names), 0, roles, is_guessed=True)
    return None


def _some_lines(path: Path) -> list[str]:
    """Whole lines of the beginning of a file, and of some places of a long one."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(_FIRST_BYTES)
            blocks = [start if size <= len(start) else start.rpartition(b"\n")[0]]
            for place in range(1, _MORE_PLACES) if size > len(start) else ():
                file.seek(max(len(start), size * place // _MORE_PLACES))
                blocks.append(file.read(_MORE_BYTES).partition(b"\n")[2].rpartition(b"\n")[0])
        text = "\n".join(block.decode("utf-8-sig") for block in blocks if block)
    except OSError as error:
        raise FembError(f"cannot read the scores {path}: {error.strerror}", hint="check the path") from error
    except UnicodeDecodeError as error:
        what, hint = other_encoding(start) or ("not UTF-8 text", "scores are read from text files, such as CSV")
        raise FembError(f"{path} is {what}", hint=hint) from error
    return [line.strip(" ") for line in lines_of(text) if line.strip()]


def without_labels(layout: TableLayout) -> TableLayout:
    """Return the layout of a file whose scores are all of one kind, which is known otherwise."""
    kept = {role: place for role, place in layout.roles.items() if role in ("score", "ref", "probe")}
    return replace(layout, roles=kept)
