"""The result of a verification: one model's scores on one list of pairs, with their metrics.

Shape suffix: N pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.source import ImageSource
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.evaluation.embeddings.read import read_embeddings
from femb_cli.evaluation.metrics.protocols import DEFAULT_PROTOCOL
from femb_cli.evaluation.verification.checks import pair_warnings
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.evaluation.verification.score import (
    EmbeddedPairs,
    VerificationMetrics,
    cosine_scores,
    mean_cosine,
    score_pairs,
)

COLLAPSED_COSINE = 0.99
"""A network whose embeddings of different images have a higher mean cosine has collapsed: it maps all images to nearly
one embedding, about 8 degrees apart. A trained network is near 0 on photographs of many people (0.06 on LFW)."""


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """The scores of embedded pairs.

    Attributes:
        scores_N: cosine of every pair.
        metrics: the metrics.
        mean_cosine: mean cosine of all pairs of different images.
        warnings: problems of the pairs or of the embeddings, one sentence each.
    """

    scores_N: NDArray[np.float64]
    metrics: VerificationMetrics
    mean_cosine: float
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Verification:
    """The result of one model on one benchmark or pair list.

    Attributes:
        benchmark: name of the benchmark, or file name of the pair list.
        title: its display name.
        model: the model's name; the file of its embeddings if that does not say it.
        flip: how mirror images were used: `none` or `sum`; `as stored` if a file of embeddings does not say it.
        metrics: the metrics.
        scores_N: cosine of every pair.
        pairs: the pairs.
        embedded: the embeddings of the pairs.
        images: the source of the images; None if only their embeddings are known.
        card: the settings of the model's checkpoint.
        warnings: problems of the pairs or of the embeddings, one sentence each.
        mean_cosine: mean cosine of all pairs of different images; None if it was not computed.
        embeddings_file: the file of the embeddings; None if they come from images.
        description: what this file says about its network; None if it says nothing.
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
    mean_cosine: float | None = None
    embeddings_file: Path | None = None
    description: Description | None = None

    @property
    def genuine_N(self) -> NDArray[np.bool_]:
        """Whether each pair shows one person."""
        return self.pairs.genuine_N

    def to_json(self) -> dict[str, Any]:
        """Return the metrics with the benchmark, the model, its flip and the file, as plain values."""
        file = {} if self.embeddings_file is None else {"embeddings": str(self.embeddings_file)}
        collapse = {} if self.mean_cosine is None else _collapse(self.mean_cosine)
        about = {"benchmark": self.benchmark, "model": self.model, "flip": self.flip}
        return {**about, **file, **self.metrics.to_json(), **collapse}


def verify_embeddings(pairs_file: Path, embeddings_file: Path, protocol: str = DEFAULT_PROTOCOL) -> Verification:
    """Verify the embeddings of a file that `femb embed` wrote, with the names of its images.

    Args:
        pairs_file: the pair list.
        embeddings_file: the file.
        protocol: how accuracy is measured, one of `PROTOCOL_NAMES`.

    Raises:
        FembError: a file is damaged, or a pair names an image that has no embedding.
    """
    pairs = read_pairs(pairs_file)
    stored = read_embeddings(embeddings_file)
    embedded = EmbeddedPairs(stored.rows_ND, *pairs.indices(stored.names))
    scored = score_embedded(pairs, embedded, stored.names, protocol)
    about = stored.description
    return Verification(
        benchmark=pairs_file.name,
        title=pairs_file.name,
        model=about.model if about is not None else str(embeddings_file),
        flip=about.flip if about is not None else "as stored",
        metrics=scored.metrics,
        scores_N=scored.scores_N,
        pairs=pairs,
        embedded=embedded,
        card=about.to_display() if about is not None else {},
        warnings=scored.warnings,
        mean_cosine=scored.mean_cosine,
        embeddings_file=embeddings_file,
        description=about,
    )


def score_embedded(pairs: PairList, embedded: EmbeddedPairs, names: Sequence[str], protocol: str) -> ScoredPairs:
    """Compute the scores, metrics and warnings of pairs from their embeddings.

    Args:
        pairs: the pairs.
        embedded: their embeddings.
        names: name of each embedding, for errors.
        protocol: how accuracy is measured, one of `PROTOCOL_NAMES`.

    Raises:
        FembError: as `pair_warnings`, `cosine_scores` and `score_pairs`.
    """
    warnings = pair_warnings(pairs, embedded.left_P, embedded.right_P)
    scores_N = cosine_scores(embedded.embeddings_ND, embedded.left_P, embedded.right_P, names=names)
    metrics = score_pairs(scores_N, pairs, protocol, embedded=embedded)
    cosine = mean_cosine(embedded)
    if cosine > COLLAPSED_COSINE:
        warnings.append(collapse_warning(cosine))
    return ScoredPairs(scores_N, metrics, cosine, tuple(warnings))


def collapse_warning(cosine: float) -> str:
    """Return the sentence about a network whose embeddings have this mean cosine, above `COLLAPSED_COSINE`."""
    return (
        f"the network has collapsed: it gives all images nearly the same embedding (mean cosine {cosine:.4f}; above"
        f" {COLLAPSED_COSINE:g} it has learnt nothing yet, or training has failed)"
    )


def _collapse(cosine: float) -> dict[str, Any]:
    return {"mean_cosine": cosine, "collapsed": cosine > COLLAPSED_COSINE}
