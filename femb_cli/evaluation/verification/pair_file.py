"""Read a pair file: its lines, its format, and the list of pairs that it holds; and write one.

Shape suffix: N pairs.
"""

import csv
import gc
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.folds import default_folds
from femb_cli.evaluation.verification.pair_formats.columns import NO_CHOICE, ColumnChoice
from femb_cli.evaluation.verification.pair_formats.image_paths import ImagePaths
from femb_cli.evaluation.verification.pair_formats.layout import find_layout
from femb_cli.evaluation.verification.pair_formats.lfw_text import (
    has_header,
    lines_of_people,
    read_lfw_text,
    read_people_lines,
)
from femb_cli.evaluation.verification.pair_formats.line import PairLine, damaged
from femb_cli.evaluation.verification.pair_formats.table import Table, read_table
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.text import lines_of


def read_pairs(path: Path, images: Path | None = None, columns: ColumnChoice = NO_CHOICE) -> PairList:
    """Read a pair file in LFW's text format or as a table; the first lines show which one it is.

    Byte order marks, the kind of line ends, spaces around a line and blank lines at the end are ignored. A
    list without folds (a table without that column, or LFW's header `n`) gets ten stratified folds, or fewer if there
    are fewer than ten pairs of either kind.

    Args:
        path: the file.
        images: the folder of the images; absolute paths in the file must lie there.
        columns: what the user says about the columns of a table.

    Raises:
        FembError: if the file cannot be read, or a line is damaged; the message names the line and the problem.
    """
    with _without_collection():
        table = _read_table(path, _read_lines(path), ImagePaths(path, images), columns)
    pairs = table.pairs
    genuine_N = np.array([pair.genuine for pair in pairs], dtype=bool)
    return PairList(
        left=tuple(pair.left for pair in pairs),
        right=tuple(pair.right for pair in pairs),
        genuine_N=genuine_N,
        folds_N=default_folds(genuine_N) if pairs[0].fold is None else _checked_folds(path, pairs),
        lines_N=np.array([pair.line for pair in pairs], dtype=np.int64),
        path=path,
        groups=table.groups,
        stated_subjects=_stated_subjects(pairs),
        is_labelled=table.is_labelled,
        note=table.note,
    )


@contextmanager
def _without_collection() -> Iterator[None]:
    """Pause Python's search for unused objects, which takes half of the time while millions of rows are made."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def pairs_text(pairs: PairList) -> str:
    """Return pairs whose people are known as a table that `read_pairs` reads."""
    assert pairs.stated_subjects is not None, "the people are known"
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("ref", "probe", "mated", "fold", "ref_subject", "probe_subject"))
    numbers = (pairs.genuine_N.astype(int).tolist(), pairs.folds_N.tolist())
    writer.writerows(zip(pairs.left, pairs.right, *numbers, *pairs.stated_subjects, strict=True))
    return file.getvalue()


def _read_table(path: Path, lines: list[str], paths: ImagePaths, columns: ColumnChoice) -> Table:
    """Read the pairs of a file in any format."""
    if has_header(lines[0]) and not columns.columns:
        return Table(read_lfw_text(path, lines))
    skipped = None if columns.columns else lines_of_people(lines)
    layout = find_layout(lines, ("ref", "probe"), columns) if skipped is None else None
    if layout is not None:
        return read_table(lines, layout, paths)
    if skipped is None:
        return Table(read_lfw_text(path, lines))
    note = "read as LFW's lines without a header: `name n1 n2` is a genuine pair, `name1 n1 name2 n2` an impostor pair"
    return Table(read_people_lines(path, lines, skipped), note=note)


def _read_lines(path: Path) -> list[str]:
    """The file's lines without their ends and without blank lines at the end; at least one."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FembError(f"cannot read the pair file {path}: {error.strerror}", hint="check the path") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise damaged(path, line, "not UTF-8 text") from error
    lines = lines_of(text.rstrip())
    if not lines:
        raise damaged(path, 1, "the file is empty")
    return lines


def _checked_folds(path: Path, pairs: Sequence[PairLine]) -> NDArray[np.int64]:
    """The folds that the file gives, counted from 0; every fold from the first, 0 or 1, to the last must have pairs."""
    folds_N = np.array([pair.fold for pair in pairs], dtype=np.int64)
    present = set(folds_N.tolist())
    first = 0 if 0 in present else 1
    absent = next(fold for fold in range(first, first + len(present) + 1) if fold not in present)
    if absent < first + len(present):
        pair = pairs[int(folds_N.argmax())]
        raise damaged(path, pair.line, f"`fold` is {pair.fold}, but no pair is in fold {absent}")
    return folds_N - first


def _stated_subjects(pairs: Sequence[PairLine]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The subjects of the left and of the right images, if the file states them."""
    stated = [pair.subjects for pair in pairs if pair.subjects is not None]
    return (tuple(left for left, _ in stated), tuple(right for _, right in stated)) if stated else None
