"""Read a pair file in any format; and write one."""

import csv
import io
from pathlib import Path

from femb_cli.evaluation.verification.pair_formats.columns import NO_CHOICE, ColumnChoice
from femb_cli.evaluation.verification.pair_formats.image_paths import ImagePaths
from femb_cli.evaluation.verification.pair_formats.layout import find_layout
from femb_cli.evaluation.verification.pair_formats.lfw_text import (
    has_header,
    lines_of_people,
    read_lfw_text,
    read_people_lines,
)
from femb_cli.evaluation.verification.pair_formats.table import read_table
from femb_cli.evaluation.verification.pair_formats.text_file import TextFile
from femb_cli.evaluation.verification.pair_formats.two_lines import has_two_lines, read_two_lines
from femb_cli.evaluation.verification.pairs import PairList


def read_pairs(path: Path, images: Path | None = None, columns: ColumnChoice = NO_CHOICE) -> PairList:
    """Read a pair file in LFW's text format, in CALFW's, or as a table; the first lines show which one it is.

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
    file = TextFile.scan(path)
    if has_header(file.samples[0]) and not columns.columns:
        return read_lfw_text(file)
    if not columns.columns and has_two_lines(file):
        return read_two_lines(file, ImagePaths(path, images))
    skipped = None if columns.columns else lines_of_people(file)
    layout = find_layout(file.samples, ("ref", "probe"), columns) if skipped is None else None
    if layout is not None:
        return read_table(file, layout, ImagePaths(path, images))
    if skipped is None:
        return read_lfw_text(file)
    note = "read as LFW's lines without a header: `name n1 n2` is a genuine pair, `name1 n1 name2 n2` an impostor pair"
    return read_people_lines(file, skipped, note)


def pairs_text(pairs: PairList) -> str:
    """Return pairs whose people are known as a table that `read_pairs` reads."""
    assert pairs.stated_subjects is not None, "the people are known"
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("ref", "probe", "mated", "fold", "ref_subject", "probe_subject"))
    numbers = (pairs.genuine_N.astype(int).tolist(), pairs.folds_N.tolist())
    writer.writerows(zip(pairs.left, pairs.right, *numbers, *pairs.stated_subjects, strict=True))
    return file.getvalue()
