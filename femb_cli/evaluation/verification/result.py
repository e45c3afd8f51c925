"""A verification: one model's scores on one list of pairs, with their metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.source import ImageSource
from femb_cli.evaluation.embeddings_file import read_embeddings
from femb_cli.evaluation.verification.checks import pair_warnings
from femb_cli.evaluation.verification.pairs import PairList, read_pairs
from femb_cli.evaluation.verification.score import EmbeddedPairs, VerificationMetrics, cosine_scores, score_pairs


@dataclass(frozen=True, eq=False)
class Verification:
    """The outcome of one model on one set.

    Attributes:
        benchmark: the set's name.
        title: its name in words.
        model: the model's name.
        flip: how mirror images were used: `none` or `sum`, or `as stored` by whoever made the embeddings.
        metrics: the metrics.
        scores_N: cosine of every pair.
        pairs: the pairs.
        embedded: their embeddings.
        images: where their images are, None if only their embeddings are known.
        card: what the model's checkpoint says about it.
        warnings: what is odd about the pairs, in sentences.
    """

    benchmark: str
    title: str
    model: str
    flip: str
    metrics: VerificationMetrics
    scores_N: NDArray[np.float64]
    pairs: PairList
    embedded: EmbeddedPairs
    images: ImageSource | None = None
    card: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def genuine_N(self) -> NDArray[np.bool_]:
        """Whether each pair shows one person."""
        return self.pairs.genuine_N

    def to_json(self) -> dict[str, Any]:
        """The metrics with what they are of; plain values."""
        return {"benchmark": self.benchmark, "model": self.model, "flip": self.flip, **self.metrics.to_json()}


def verify_embeddings(pairs_file: Path, embeddings_file: Path, protocol: str = "arcface") -> Verification:
    """Score stored embeddings, as `femb embed` wrote them with their names beside.

    Raises:
        FembError: the files are damaged, or a pair names an image that was not embedded.
    """
    pairs = read_pairs(pairs_file)
    rows_ND, names = read_embeddings(embeddings_file)
    embedded = EmbeddedPairs(rows_ND, *pairs.indices(names))
    scores_N, metrics, warnings = score_embedded(pairs, embedded, names, protocol)
    return Verification(
        benchmark=pairs_file.name,
        title=pairs_file.name,
        model=str(embeddings_file),
        flip="as stored",
        metrics=metrics,
        scores_N=scores_N,
        pairs=pairs,
        embedded=embedded,
        warnings=warnings,
    )


def score_embedded(
    pairs: PairList, embedded: EmbeddedPairs, names: list[str], protocol: str
) -> tuple[NDArray[np.float64], VerificationMetrics, tuple[str, ...]]:
    """Scores, metrics and warnings of embedded pairs."""
    warnings = pair_warnings(pairs, embedded.left_P, embedded.right_P)
    scores_N = cosine_scores(embedded.embeddings_ND, embedded.left_P, embedded.right_P, names=names)
    return scores_N, score_pairs(scores_N, pairs, protocol, embedded=embedded), tuple(warnings)
