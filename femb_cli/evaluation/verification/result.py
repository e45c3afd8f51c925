"""The result of a verification: one model's scores on one list of pairs, and their metrics.

Shape suffix: N pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.evaluation.embeddings.read import read_embeddings
from femb_cli.evaluation.metrics.protocols import DEFAULT_PROTOCOL
from femb_cli.evaluation.metrics.roc import unmeasured_rates
from femb_cli.evaluation.verification.checks import balance_warnings, order_warnings, pair_warnings
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.pairs import LISTS, PairList
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
    """The scores of one model on one benchmark or pair list.

    Attributes:
        benchmark: name of the benchmark, or file name of the pair list.
        title: its display name.
        model: the model's name; the file of its embeddings if that does not say it.
        flip: how mirror images were used: `none` or `sum`; `as stored` if a file of embeddings does not say it.
        scores_N: score of every pair: its cosine, unless another program made the scores.
        pairs: the pairs.
        protocol: how accuracy is measured, one of `PROTOCOL_NAMES`.
        embedded: the embeddings of the pairs; None if only their scores are known.
        images: the source of the images; None if only their embeddings are known.
        card: the settings of the model's checkpoint.
        warnings: problems of the pairs or of the embeddings, one sentence each.
        said: problems of the images that were said before they were embedded, one sentence each.
        mean_cosine: mean cosine of all pairs of different images; None if it was not computed.
        embeddings_file: the file of the embeddings or scores; None if they come from images.
        description: what this file says about its network; None if it says nothing.
        listed: all pairs of the list, if some of them have no score, because an image is missing; else None.
        listed_N: bool, whether each pair of the list has a score; None if all have one.
        are_distances: whether the scores are distances with the opposite sign, so that thresholds are shown without it.
        fingerprint: the network's embedding of a fixed image, as text; empty if it is not known.
    """

    benchmark: str
    title: str
    model: str
    flip: str
    scores_N: NDArray[np.float64]
    pairs: PairList
    protocol: str = DEFAULT_PROTOCOL
    embedded: EmbeddedPairs | None = None
    images: ImageSource | None = None
    card: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    mean_cosine: float | None = None
    embeddings_file: Path | None = None
    description: Description | None = None
    listed: PairList | None = None
    listed_N: NDArray[np.bool_] | None = None
    are_distances: bool = False
    fingerprint: str = ""

    @property
    def genuine_N(self) -> NDArray[np.bool_]:
        """Whether each pair shows one person."""
        return self.pairs.genuine_N

    @property
    def num_missing(self) -> int:
        """Number of pairs of the list that have no score."""
        return 0 if self.listed is None else len(self.listed) - len(self.pairs)

    @property
    def has_both_kinds(self) -> bool:
        """Whether there are genuine and impostor pairs, so that there are figures."""
        return self.pairs.is_labelled and bool(self.genuine_N.any()) and not self.genuine_N.all()

    def of_lists(self) -> "list[ScoredPairs]":
        """Return the scores of each list, if the pairs come from several, and those of all of them together."""
        if self.pairs.files is None:
            return [self]
        lists = self.pairs.groups[LISTS]
        return [*(self._part(name, np.flatnonzero(lists.are_text(name))) for name in lists.occurring()), self]

    def to_json(self) -> dict[str, Any]:
        """Return the benchmark, the model, its flip and the file, as plain values."""
        file: dict[str, Any] = {} if self.embeddings_file is None else {"embeddings": str(self.embeddings_file)}
        if self.embedded is None:
            file = {"scores": str(self.embeddings_file), "are_distances": self.are_distances}
        missing = {"num_missing": self.num_missing} if self.listed is not None else {}
        return {"benchmark": self.benchmark, "model": self.model, "flip": self.flip, **file, **missing}

    def _part(self, name: str, rows: NDArray[np.int64]) -> "ScoredPairs":
        embedded, pairs = self.embedded, self.pairs.subset(rows)
        if embedded is not None:
            embedded = EmbeddedPairs(embedded.embeddings_ND, embedded.left_P[rows], embedded.right_P[rows])
        groups = {group: labels for group, labels in pairs.groups.items() if group != LISTS}
        return replace(
            self,
            benchmark=name,
            title=name,
            scores_N=self.scores_N[rows],
            pairs=replace(pairs, groups=groups, files=None),
            embedded=embedded,
            mean_cosine=None,
            listed=None,
            listed_N=None,
        )


@dataclass(frozen=True, eq=False)
class Verification(ScoredPairs):
    """The result of one model on one benchmark or pair list.

    Attributes:
        metrics: the metrics.
        operating_rates: the false match rates that the user chose, as text; empty if none.
    """

    metrics: VerificationMetrics = field(kw_only=True)
    operating_rates: tuple[str, ...] = field(default=(), kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """Return the metrics with the benchmark, the model, its flip and the file, as plain values.

        `unmeasured_fmr` has the rates at which the impostor pairs allow no false match.
        """
        collapse = {} if self.mean_cosine is None else _collapse(self.mean_cosine)
        chosen = {"operating_points": self._operating_points()} if self.operating_rates else {}
        few = unmeasured_rates(self.metrics.fnmr_at_fmr, self.metrics.num_impostor)
        return {**super().to_json(), **self.metrics.to_json(), "unmeasured_fmr": few, **chosen, **collapse}

    def _operating_points(self) -> list[dict[str, float]]:
        metrics = self.metrics
        return [
            {
                "fmr": float(rate),
                "fnmr": metrics.fnmr_at_fmr[rate],
                "tar": metrics.tar_at_far[rate],
                "threshold": metrics.threshold_at_fmr[rate],
            }
            for rate in self.operating_rates
        ]


def with_metrics(scored: ScoredPairs, operating_rates: Sequence[str] = ()) -> Verification:
    """Compute the metrics of scored pairs.

    Args:
        scored: the scored pairs.
        operating_rates: false match rates that the user chose, as text such as `1e-3`.

    Raises:
        FembError: the list does not say which pairs are genuine, or as `score_pairs`.
    """
    if not scored.pairs.is_labelled:
        raise unlabelled(scored.pairs)
    are_cosines = scored.embedded is not None or scored.protocol != "exact"
    metrics = score_pairs(
        scored.scores_N,
        scored.pairs,
        scored.protocol,
        embedded=scored.embedded,
        are_cosines=are_cosines,
        more_rates=operating_rates,
    )
    values = {each.name: getattr(scored, each.name) for each in fields(ScoredPairs)}
    name, reversed_scores = scored.benchmark, []
    if scored.embedded is None:
        reversed_scores = order_warnings(name, metrics.auc, are_distances=scored.are_distances)
    balance = balance_warnings(name, scored.genuine_N, metrics.accuracy)
    values["warnings"] = (*scored.warnings, *reversed_scores, *balance)
    shown = metrics.with_distances() if scored.are_distances else metrics
    return Verification(**values, metrics=shown, operating_rates=tuple(operating_rates))


def unlabelled(pairs: PairList) -> FembError:
    """Return the error for a list that does not say which of its pairs are genuine."""
    return FembError(
        f"{pairs.path} has no column that says which pairs are genuine, so there are no figures",
        hint="name the column with --columns mated=...; --write-scores FILE writes the scores of unlabelled pairs",
    )


def verify_embeddings(
    pairs_file: Path,
    embeddings_file: Path,
    protocol: str = DEFAULT_PROTOCOL,
) -> Verification:
    """Verify the embeddings of a file that `femb embed` wrote, with the names of its images.

    Args:
        pairs_file: the pair list.
        embeddings_file: the file.
        protocol: how accuracy is measured, one of `PROTOCOL_NAMES`.

    Raises:
        FembError: a file is damaged, or a pair names an image that has no embedding.
    """
    return with_metrics(score_embeddings(read_pairs(pairs_file), embeddings_file, protocol))


def score_embeddings(
    pairs: PairList, embeddings_file: Path, protocol: str, *, allow_missing: bool = False
) -> ScoredPairs:
    """Score pairs by the embeddings of a file.

    Args:
        pairs: the pairs.
        embeddings_file: the file.
        protocol: how accuracy is measured, one of `PROTOCOL_NAMES`.
        allow_missing: leave out the pairs of which an image has no embedding.

    Raises:
        FembError: the file is damaged, or a pair names an image that has no embedding.
    """
    stored = read_embeddings(embeddings_file)
    found = find_images(pairs, stored.names, allow_missing=allow_missing)
    embedded = EmbeddedPairs(stored.rows_ND, found.left_N, found.right_N)
    about = stored.description
    return score_embedded(
        ScoredPairs(
            benchmark=pairs.name,
            title=pairs.name,
            model=about.model if about is not None else str(embeddings_file),
            flip=about.flip if about is not None else "as stored",
            scores_N=np.empty(0),
            pairs=found.pairs,
            protocol=protocol,
            embedded=embedded,
            card=about.to_display() if about is not None else {},
            embeddings_file=embeddings_file,
            description=about,
            listed=found.listed,
            listed_N=found.listed_N,
        ),
        stored.names,
    )


@dataclass(frozen=True, eq=False)
class FoundPairs:
    """The pairs of a list whose images are both there.

    Attributes:
        pairs: these pairs.
        left_N: place of the first image of each, int32.
        right_N: place of the second image.
        listed: all pairs, if an image is missing; else None.
        listed_N: bool, whether each pair of the list is one of them; None if no image is missing.
    """

    pairs: PairList
    left_N: NDArray[np.int32]
    right_N: NDArray[np.int32]
    listed: PairList | None = None
    listed_N: NDArray[np.bool_] | None = None


def find_images(pairs: PairList, names: Sequence[str], *, allow_missing: bool) -> FoundPairs:
    """Find the images of pairs among names; leave out pairs of missing images if that is allowed.

    Raises:
        FembError: as `PairList.indices`, or if all pairs lack an image.
    """
    left_N, right_N = pairs.indices(names, allow_missing=allow_missing)
    there_N = (left_N >= 0) & (right_N >= 0)
    if not there_N.any():
        raise FembError(f"every pair of {pairs.path} lacks an image", hint="check that these are the list's images")
    if there_N.all():
        return FoundPairs(pairs, left_N, right_N, listed=pairs if allow_missing else None, listed_N=None)
    return FoundPairs(pairs.subset(there_N), left_N[there_N], right_N[there_N], pairs, there_N)


def score_embedded(scored: ScoredPairs, names: Sequence[str]) -> ScoredPairs:
    """Compute the scores of pairs, their mean cosine and the warnings from the embeddings.

    Args:
        scored: everything else about the pairs.
        names: name of each embedding, for errors.

    Raises:
        FembError: as `pair_warnings` and `cosine_scores`.
    """
    embedded = scored.embedded
    assert embedded is not None, "the embeddings are known"
    warnings = pair_warnings(scored.pairs, embedded.left_P, embedded.right_P)
    scores_N = cosine_scores(embedded.embeddings_ND, embedded.left_P, embedded.right_P, names=names)
    cosine = mean_cosine(embedded)
    if cosine > COLLAPSED_COSINE:
        warnings.append(collapse_warning(cosine))
    return replace(scored, scores_N=scores_N, mean_cosine=cosine, warnings=(*scored.warnings, *warnings))


def collapse_warning(cosine: float) -> str:
    """Return the sentence about a network whose embeddings have this mean cosine, above `COLLAPSED_COSINE`."""
    return (
        f"the network has collapsed: it gives all images nearly the same embedding (mean cosine {cosine:.4f}; above"
        f" {COLLAPSED_COSINE:g} it has learnt nothing yet, or training has failed)"
    )


def _collapse(cosine: float) -> dict[str, Any]:
    return {"mean_cosine": cosine, "collapsed": cosine > COLLAPSED_COSINE}
