"""Verify scores that another program computed.

Shape suffix: N scores.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError, UsageError
from femb_cli.evaluation.verification.checks import named_warnings
from femb_cli.evaluation.verification.folds import Folds, default_folds, numbered_from_zero
from femb_cli.evaluation.verification.pair_formats.columns import NO_CHOICE, ColumnChoice
from femb_cli.evaluation.verification.pair_formats.layout import TableLayout
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.evaluation.verification.result import ScoredPairs
from femb_cli.evaluation.verification.score_files.layout import layout_of_scores, without_labels
from femb_cli.evaluation.verification.score_files.read import ScoreTable, read_score_table
from femb_cli.evaluation.verification.score_files.scored import scored_pairs, usual_protocol

_GENUINE_NAME = re.compile(r"genuine|(?<!non)(?<!non[-_])mated|(?<!mis)(?<!non)match|same|intra|client|positive|target")
_IMPOSTOR_NAME = re.compile(r"impost[oe]r|non[-_]?mated|non[-_]?match|mismatch|diff|inter|negative|nontarget")


@dataclass(frozen=True)
class ScoreFiles:
    """Files of scores, and how they are read.

    Attributes:
        files: the files; each gives a verification, except a file of genuine and a file of impostor scores.
        impostors: the file of the impostor scores, if `files` is the one of the genuine scores.
        columns: what the user says about the columns.
        are_distances: whether a small score means alike.
        protocol: how accuracy is measured; None for `arcface` for cosines that femb wrote, and `exact` for all others.
    """

    files: tuple[Path, ...]
    impostors: Path | None = None
    columns: ColumnChoice = NO_CHOICE
    are_distances: bool = False
    protocol: str | None = None


@dataclass(frozen=True, eq=False)
class ReadScores:
    """The scores of a verification.

    Attributes:
        scored: the scores.
        notes: how the files were understood, a sentence each.
    """

    scored: ScoredPairs
    notes: tuple[str, ...] = ()


def read_scores(request: ScoreFiles) -> list[ReadScores]:
    """Read files of scores.

    Raises:
        UsageError: it is not clear which file has the genuine scores.
        FembError: a file is damaged.
    """
    layouts = [layout_of_scores(path, request.columns) for path in request.files]
    if request.impostors is not None:
        if len(request.files) != 1:
            raise UsageError("--impostor-scores needs one file of genuine scores as --scores")
        return [_of_two_files(request, request.files[0], request.impostors, note="")]
    unlabelled = [
        path
        for path, layout in zip(request.files, layouts, strict=True)
        if not {"mated", "impostor", "ref_subject"} & set(layout.roles)
    ]
    if len(request.files) == 2 and len(unlabelled) == 2:
        genuine, impostors = _by_name(unlabelled)
        note = f"{genuine.name} has the genuine scores and {impostors.name} the impostor scores, by their names"
        return [_of_two_files(request, genuine, impostors, note=f"{note} (--impostor-scores FILE says otherwise)")]
    if unlabelled:
        raise FembError(
            f"{unlabelled[0]} does not say which scores are genuine",
            hint="name the column with --columns mated=...; or give the genuine scores as --scores FILE and the"
            " impostor scores as --impostor-scores FILE",
        )
    return [_of_one_file(request, path, layout) for path, layout in zip(request.files, layouts, strict=True)]


def _by_name(files: Sequence[Path]) -> tuple[Path, Path]:
    """The file of the genuine and that of the impostor scores, by their names."""
    is_impostor = [bool(_IMPOSTOR_NAME.search(path.name.lower())) for path in files]
    is_genuine = [bool(_GENUINE_NAME.search(path.name.lower())) for path in files]
    if is_impostor == [False, True] and is_genuine[0]:
        return files[0], files[1]
    if is_impostor == [True, False] and is_genuine[1]:
        return files[1], files[0]
    raise UsageError(
        f"the names of {files[0]} and {files[1]} do not say which has the genuine scores",
        hint="--scores GENUINE --impostor-scores IMPOSTORS says it",
    )


def _of_one_file(request: ScoreFiles, path: Path, layout: TableLayout) -> ReadScores:
    table = read_score_table(path, layout)
    if table.genuine_N is None:
        raise FembError(f"{path} does not say which scores are genuine: the flags are empty")
    protocol = request.protocol or usual_protocol(layout, table.scores_N, are_distances=request.are_distances)
    notes = [f"{path.name}: {note}"] if (note := note_of(layout)) else []
    return _scored(request, path, table, table.genuine_N, protocol, notes)


def _of_two_files(request: ScoreFiles, genuine: Path, impostors: Path, note: str) -> ReadScores:
    layouts = [without_labels(layout_of_scores(path, request.columns)) for path in (genuine, impostors)]
    tables = [read_score_table(path, layout) for path, layout in zip((genuine, impostors), layouts, strict=True)]
    scores_N = np.concatenate([table.scores_N for table in tables])
    genuine_N = np.arange(len(scores_N)) < len(tables[0].scores_N)
    notes = [
        f"{path.name}: {layout.describe()}"
        for path, layout in zip((genuine, impostors), layouts, strict=True)
        if len(layout.columns) > 1
    ]
    joined = ScoreTable(scores_N, genuine_N, None)
    return _scored(request, genuine, joined, genuine_N, request.protocol or "exact", [note] * bool(note) + notes)


def _scored(
    request: ScoreFiles,
    path: Path,
    table: ScoreTable,
    genuine_N: NDArray[np.bool_],
    protocol: str,
    notes: Sequence[str],
) -> ReadScores:
    """Make scored pairs of the scores of a file, which lists its pairs itself."""
    left, right = table.images
    listed = PairList(
        left=left,
        right=right,
        genuine_N=genuine_N,
        folds_N=_folds(path, table, genuine_N),
        lines_N=None,
        path=path,
        stated_subjects=table.subjects,
    )
    scored = scored_pairs(listed, table.scores_N, path, protocol=protocol, are_distances=request.are_distances)
    return ReadScores(replace(scored, warnings=tuple(named_warnings(scored.pairs))), tuple(notes))


def _folds(path: Path, table: ScoreTable, genuine_N: NDArray[np.bool_]) -> Folds:
    if table.fold_N is None:
        return default_folds(genuine_N)
    present = np.unique(table.fold_N)
    first = min(int(present[0]), 1)
    if present[0] < 0 or not np.array_equal(present, np.arange(first, first + len(present))):
        raise FembError(f"{path}: the folds are {present[:20].tolist()}, and a number is missing in between")
    return numbered_from_zero(table.fold_N, first)


def note_of(layout: TableLayout) -> str:
    """Say how the columns were understood, if that was guessed."""
    if not layout.is_guessed:
        return ""
    names = {role: repr(layout.columns[place]) for role, place in layout.roles.items()}
    parts = [f"{names['score']} is the score"]
    if "mated" in names:
        parts.append(f"{names['mated']} is whether a pair is genuine")
    elif "impostor" in names:
        parts.append(f"{names['impostor']} is whether a pair is of two people")
    elif "ref_subject" in names:
        parts.append(f"a pair is genuine if {names['ref_subject']} and {names['probe_subject']} are equal")
    if "fold" in names:
        parts.append(f"{names['fold']} is the fold")
    unused = [layout.columns[place] or "a column without a name" for place in layout.others]
    if unused:
        parts.append(f"not used: {', '.join(unused)}")
    return f"{'; '.join(parts)} (--columns score=...,mated=... says otherwise)"
