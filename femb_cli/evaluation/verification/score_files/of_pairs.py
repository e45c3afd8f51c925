"""Scores of another program for the pairs of a list, found by the names of the images.

The list says which pairs are genuine, and knows their folds, groups and people; the file of scores needs none of that.

Shape suffixes: N pairs of the list, M scores of the file.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.checks import pair_warnings
from femb_cli.evaluation.verification.pair_formats.columns import NO_CHOICE, ColumnChoice
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.evaluation.verification.score_files.layout import layout_of_scores
from femb_cli.evaluation.verification.score_files.read import ScoreTable, read_score_table
from femb_cli.evaluation.verification.score_files.scored import scored_pairs, usual_protocol
from femb_cli.evaluation.verification.score_files.verify import ReadScores, note_of
from femb_cli.text import counted


def read_scores_of_pairs(
    pairs: PairList,
    path: Path,
    columns: ColumnChoice = NO_CHOICE,
    *,
    model: str = "",
    are_distances: bool = False,
    protocol: str | None = None,
    allow_missing: bool = False,
) -> ReadScores:
    """Read the scores of the pairs of a list. A score of (b, a) counts for the pair (a, b) if there is none of (a, b).

    Args:
        pairs: the pairs.
        path: the file of the scores, which names both images of each.
        columns: what the user says about its columns.
        model: what to call the program that made the scores; empty for the path of the file.
        are_distances: whether a small score means alike.
        protocol: how accuracy is measured; None as `usual_protocol`.
        allow_missing: leave out the pairs that have no score.

    Raises:
        FembError: the file is damaged or does not name the images, a pair has no score or two different ones, or the
            file contradicts the list.
    """
    layout = layout_of_scores(path, columns)
    if not {"ref", "probe"} <= layout.roles.keys():
        raise FembError(
            f"{path} does not name the images of its scores, so they cannot be those of the pairs of {pairs.path}",
            hint="--columns ref=COLUMN,probe=COLUMN,score=COLUMN names the columns of the scores",
        )
    table = read_score_table(path, layout, keep_names=True)
    rows_N, num_used = _rows_of_pairs(pairs, table, path)
    if (rows_N < 0).all():
        raise FembError(
            f"{path} has no score of any pair of {pairs.path}: its first is of {table.images[0][0]} and"
            f" {table.images[1][0]}, the first pair is {pairs.left[0]} and {pairs.right[0]}",
            hint="both have to name the images alike; folders before a path and file endings make no difference",
        )
    _refuse_contradiction(pairs, table, rows_N, path)
    scores_N = np.where(rows_N >= 0, table.scores_N[rows_N], np.nan)
    if not allow_missing:
        _refuse_missing(pairs, scores_N, path)
    protocol = protocol or usual_protocol(layout, table.scores_N, are_distances=are_distances)
    warnings = pair_warnings(pairs, pairs.left.codes_N, pairs.right.codes_N)
    scored = scored_pairs(
        pairs,
        scores_N,
        path,
        protocol=protocol,
        are_distances=are_distances,
        model=model,
        allow_missing=allow_missing,
    )
    notes = [f"{path.name}: {note}"] if (note := note_of(layout)) else []
    if num_used < len(table.scores_N):
        unused = len(table.scores_N) - num_used
        notes.append(f"{path.name}: {unused:,} of {len(table.scores_N):,} scores are of other pairs, and not used")
    return ReadScores(replace(scored, warnings=tuple(warnings)), tuple(notes))


def _rows_of_pairs(pairs: PairList, table: ScoreTable, path: Path) -> tuple[NDArray[np.int64], int]:
    """Return the row of each pair's score, int64 (N,), -1 where there is none, and how many scores are of some pair."""
    left, right = table.images
    number = len(left.values)
    left_N, right_N = (places_N.astype(np.int64) for places_N in pairs.indices(left.values, allow_missing=True))
    keys_M = left.codes_N * np.int64(number) + right.codes_N
    order_M = np.argsort(keys_M, kind="stable")
    sorted_M = keys_M[order_M]
    _refuse_two_scores(table, order_M, sorted_M, path)

    def find(keys_N: NDArray[np.int64]) -> NDArray[np.int64]:
        places_N = np.minimum(np.searchsorted(sorted_M, keys_N), len(sorted_M) - 1)
        return np.where(sorted_M[places_N] == keys_N, order_M[places_N], -1)

    rows_N = find(left_N * number + right_N)
    rows_N = np.where(rows_N >= 0, rows_N, find(right_N * number + left_N))
    rows_N[(left_N < 0) | (right_N < 0)] = -1
    is_used_M = np.isin(keys_M, keys_M[rows_N[rows_N >= 0]])
    return rows_N, int(is_used_M.sum())


def _refuse_missing(pairs: PairList, scores_N: NDArray[np.float64], path: Path) -> None:
    """Refuse pairs without a score: a program that leaves out its hard pairs would look better than others."""
    missing = np.flatnonzero(np.isnan(scores_N))
    if len(missing):
        row = int(missing[0])
        raise FembError(
            f"{pairs.place(row)}: {path} has no score of {pairs.left[row]} and {pairs.right[row]}"
            f" ({len(missing):,} of {len(pairs):,} pairs have none)",
            hint="--on-missing nan leaves them out and counts them",
        )


def _refuse_two_scores(table: ScoreTable, order_M: NDArray[np.int64], sorted_M: NDArray[np.int64], path: Path) -> None:
    """Refuse a file in which a pair has two scores that differ."""
    scores_M = table.scores_N[order_M]
    differ = (sorted_M[1:] == sorted_M[:-1]) & (scores_M[1:] != scores_M[:-1])
    differ &= ~(np.isnan(scores_M[1:]) & np.isnan(scores_M[:-1]))
    if differ.any():
        place = int(differ.argmax())
        row = int(order_M[place])
        left, right = table.images
        raise FembError(
            f"{path} has two scores of {left[row]} and {right[row]}: {scores_M[place]:g} and {scores_M[place + 1]:g}",
            hint="keep one of them",
        )


def _refuse_contradiction(pairs: PairList, table: ScoreTable, rows_N: NDArray[np.int64], path: Path) -> None:
    """Refuse a file that says of a pair whether it is genuine, and says otherwise than the list."""
    if table.genuine_N is None or not pairs.is_labelled:
        return
    differ_N = (rows_N >= 0) & (table.genuine_N[rows_N] != pairs.genuine_N)
    if differ_N.any():
        row = int(differ_N.argmax())
        here, there = ("one person", "two people") if pairs.genuine_N[row] else ("two people", "one person")
        raise FembError(
            f"{pairs.place(row)}: {pairs.left[row]} and {pairs.right[row]} show {here}, but {there} by {path}"
            f" ({counted(int(differ_N.sum()), 'such pair')})",
            hint="check that the scores are of this list",
        )
