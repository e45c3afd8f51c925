"""`femb verify --dry-run`: what would be read, embedded and written, after the checks of the real run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from femb_cli.evaluation.verification.pairs import PairList
    from femb_cli.evaluation.verification.result import ScoredPairs


def plan_scores(scored: "Sequence[ScoredPairs]", *, needs_figures: bool) -> list[dict[str, Any]]:
    """Describe scores of another program.

    Raises:
        FembError: as `refuse_one_kind`, if there have to be figures.
    """
    for each in scored if needs_figures else ():
        refuse_one_kind(each.pairs)
    return [{"path": str(each.embeddings_file), "protocol": each.protocol, **_counts(each.pairs)} for each in scored]


def plan_embeddings(pairs: "PairList", embeddings: Path, *, allow_missing: bool) -> dict[str, Any]:
    """Describe pairs and the file of embeddings that has their images.

    Raises:
        FembError: as `score_embeddings` before it computes a score.
    """
    from femb_cli.evaluation.embeddings.read import read_embeddings
    from femb_cli.evaluation.verification.checks import pair_warnings
    from femb_cli.evaluation.verification.result import find_images

    stored = read_embeddings(embeddings, mmap_mode="r")
    found = find_images(pairs, stored.names, allow_missing=allow_missing)
    pair_warnings(found.pairs, found.left_N, found.right_N)
    missing = {"num_missing": len(pairs) - len(found.pairs)} if allow_missing else {}
    counts = {**_counts(pairs), **missing, "num_embeddings": len(stored.rows_ND)}
    return {"benchmark": pairs.name, **counts, "embeddings": str(embeddings)}


def refuse_one_kind(pairs: "PairList") -> None:
    """Refuse pairs that have no figures, before an image is embedded.

    Raises:
        FembError: the list does not say which pairs are genuine, or all are, or none.
    """
    import numpy as np

    from femb_cli.evaluation.metrics.roc import checked_scores
    from femb_cli.evaluation.verification.result import unlabelled

    if not pairs.is_labelled:
        raise unlabelled(pairs)
    if pairs.files is None:  # of several lists, those of both kinds have figures
        checked_scores(np.zeros(len(pairs)), pairs.genuine_N)


def _counts(pairs: "PairList") -> dict[str, Any]:
    counts = {"num_pairs": len(pairs)}
    return counts | ({"num_genuine": int(pairs.genuine_N.sum())} if pairs.is_labelled else {})
