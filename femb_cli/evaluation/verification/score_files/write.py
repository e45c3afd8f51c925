"""Write the scores of pairs: a table `ref;probe;mated;score` that `read.py` reads back to the same figures.

`mated` is 1 or 0, or empty if the list does not say which pairs are genuine. `score` is `nan` for a pair that lacks an
image. A column `fold` follows if the list has folds of its own.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from femb_cli.evaluation.verification.folds import default_folds
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.evaluation.verification.result import ScoredPairs
from femb_cli.files import new_file

OWN_COLUMNS = ("ref", "probe", "mated", "score")
"""The columns that femb writes."""


def write_scores(path: Path, scored: ScoredPairs, *, overwrite: bool = False) -> None:
    """Write the score of each pair of a list, in its order.

    Args:
        path: the file to write.
        scored: the scored pairs; the pairs of `listed` without a score are written, too.
        overwrite: replace a file that exists.

    Raises:
        FembError: the file exists and `overwrite` is false, or cannot be written.
    """
    pairs = scored.pairs if scored.listed is None else scored.listed
    has_folds = pairs.is_labelled and bool((pairs.folds_N != default_folds(pairs.genuine_N)).any())
    with (
        new_file(path, overwrite=overwrite) as aside,
        aside.open("w", encoding="utf-8", newline="", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file, delimiter=";", lineterminator="\n")
        writer.writerow((*OWN_COLUMNS, "fold") if has_folds else OWN_COLUMNS)
        writer.writerows(_rows(pairs, scored, has_folds=has_folds))


def _rows(pairs: PairList, scored: ScoredPairs, *, has_folds: bool) -> Iterator[tuple[object, ...]]:
    scores_N = np.full(len(pairs), np.nan)
    scores_N[slice(None) if scored.listed_N is None else scored.listed_N] = scored.scores_N
    mated = pairs.genuine_N.astype(int).tolist() if pairs.is_labelled else [""] * len(pairs)
    folds = [pairs.folds_N.tolist()] if has_folds else []
    return zip(pairs.left, pairs.right, mated, map(repr, scores_N.tolist()), *folds, strict=True)
