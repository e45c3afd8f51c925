"""Scored pairs made of the scores that another program computed.

Shape suffix: N pairs.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_formats.layout import TableLayout
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.evaluation.verification.result import ScoredPairs
from femb_cli.evaluation.verification.score_files.write import OWN_COLUMNS


def usual_protocol(layout: TableLayout, scores_N: NDArray[np.float64], *, are_distances: bool) -> str:
    """Return how accuracy is measured unless the user says so: `arcface` for cosines that femb wrote, else `exact`."""
    is_own = layout.columns[: len(OWN_COLUMNS)] == OWN_COLUMNS and _may_be_cosines(scores_N)
    return "arcface" if is_own and not are_distances else "exact"


def scored_pairs(
    listed: PairList,
    scores_N: NDArray[np.float64],
    path: Path,
    *,
    protocol: str,
    are_distances: bool,
    model: str = "",
    allow_missing: bool = False,
) -> ScoredPairs:
    """Give pairs their scores; pairs without one are left out and counted.

    Args:
        listed: the pairs.
        scores_N: score of each pair, float64, NaN where there is none; the array is used, not copied.
        path: the file of the scores.
        protocol: how accuracy is measured.
        are_distances: whether a small score means alike.
        model: what to call the program that made the scores; empty for the path of the file.
        allow_missing: count the pairs without a score even if there are none.

    Raises:
        FembError: no pair has a score, or the protocol is for cosines and these are none.
    """
    there_N = ~np.isnan(scores_N)
    if not there_N.any():
        raise FembError(f"{path} has no scores but nan")
    if protocol != "exact" and not _may_be_cosines(scores_N):
        raise FembError(
            f"{path}: the protocol {protocol!r} is for cosines, and the scores reach from"
            f" {np.fmin.reduce(scores_N):g} to {np.fmax.reduce(scores_N):g}",
            hint="--protocol exact is for any scores",
        )
    if are_distances:
        np.negative(scores_N, out=scores_N)
    is_complete = bool(there_N.all())
    return ScoredPairs(
        benchmark=listed.name,
        title=listed.name,
        model=model or str(path),
        flip="as scored",
        scores_N=scores_N if is_complete else scores_N[there_N],
        pairs=listed if is_complete else listed.subset(there_N),
        protocol=protocol,
        embeddings_file=path,
        listed=listed if allow_missing or not is_complete else None,
        listed_N=None if is_complete else there_N,
        are_distances=are_distances,
    )


def _may_be_cosines(scores_N: NDArray[np.float64]) -> bool:
    return bool(np.fmin.reduce(scores_N) >= -1.0 and np.fmax.reduce(scores_N) <= 1.0)
