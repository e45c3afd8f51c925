"""Read a pair file: its lines, its format, and the list of pairs that it holds; and write one.

Shape suffix: N pairs.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.folds import default_folds
from femb_cli.evaluation.verification.pair_formats.lfw_text import read_lfw_text
from femb_cli.evaluation.verification.pair_formats.line import PairLine, damaged
from femb_cli.evaluation.verification.pair_formats.table import read_table, table_layout
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.text import lines_of


def read_pairs(path: Path) -> PairList:
    """Read a pair file in LFW's text format or as a table; the first line shows which one it is.

    Byte order marks, the kind of line ends, spaces around a line and blank lines at the end are ignored. A
    list without folds (a table without that column, or LFW's header `n`) gets ten stratified folds, or fewer if there
    are fewer than ten pairs of either kind.

    Raises:
        FembError: if the file cannot be read, or a line is damaged; the message names the line and the problem.
    """
    lines = _read_lines(path)
    layout = table_layout(lines[0])
    pairs, groups = (read_lfw_text(path, lines), {}) if layout is None else read_table(path, lines, layout)
    genuine_N = np.array([pair.genuine for pair in pairs], dtype=bool)
    return PairList(
        left=tuple(pair.left for pair in pairs),
        right=tuple(pair.right for pair in pairs),
        genuine_N=genuine_N,
        folds_N=default_folds(genuine_N) if pairs[0].fold is None else _checked_folds(path, pairs),
        lines_N=np.array([pair.line for pair in pairs], dtype=np.int64),
        path=path,
        groups=groups,
        stated_subjects=_stated_subjects(pairs),
    )


def pairs_text(pairs: PairList) -> str:
    """Return pairs whose people are known as a table that `read_pairs` reads."""
    assert pairs.stated_subjects is not None, "the people are known"
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("ref", "probe", "mated", "fold", "ref_subject", "probe_subject"))
    numbers = (pairs.genuine_N.astype(int).tolist(), pairs.folds_N.tolist())
    writer.writerows(zip(pairs.left, pairs.right, *numbers, *pairs.stated_subjects, strict=True))
    return file.getvalue()


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
    """The folds that the file gives; every fold up to the last one must have pairs."""
    folds_N = np.array([pair.fold for pair in pairs], dtype=np.int64)
    present = set(folds_N.tolist())
    absent = next(fold for fold in range(len(present) + 1) if fold not in present)
    if absent < len(present):
        pair = pairs[int(folds_N.argmax())]
        raise damaged(path, pair.line, f"`fold` is {pair.fold}, but no pair is in fold {absent}")
    return folds_N


def _stated_subjects(pairs: Sequence[PairLine]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The subjects of the left and of the right images, if the file states them."""
    stated = [pair.subjects for pair in pairs if pair.subjects is not None]
    return (tuple(left for left, _ in stated), tuple(right for _, right in stated)) if stated else None
