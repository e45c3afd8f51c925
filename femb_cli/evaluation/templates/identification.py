"""Identification of templates, 1:N: probes are searched in the galleries of IJB-B or IJB-C.

Both benchmarks have two galleries without a common person. A probe whose person is in the other gallery has no mate, so
that there are rates for an open set. The published rates are the means over both galleries.

Source: B. Maze et al., "IARPA Janus Benchmark - C: Face Dataset and Protocol", ICB 2018.

Shape suffixes: T templates, D embedding dimension.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.identification import SearchResults, rank_rate, search, tpir_at_fpir
from femb_cli.evaluation.templates.subjects import SubjectList

RANKS = (1, 5, 10)
FALSE_POSITIVE_RATES = ("1e-1", "1e-2", "1e-3")


@dataclass(frozen=True)
class TemplateIdentification:
    """The rates of a search in one gallery, or their means; rates in [0, 1].

    Attributes:
        gallery: file name of the gallery, or `mean`.
        num_probes: number of probes.
        num_mated: number of probes whose person is in the gallery.
        num_gallery: number of templates in the gallery.
        rank_rate: share of the mated probes whose mate is among the k best entries, by k.
        tpir_at_fpir: TPIR by the FPIR; empty if every probe has a mate.
    """

    gallery: str
    num_probes: int
    num_mated: int
    num_gallery: int
    rank_rate: dict[str, float]
    tpir_at_fpir: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return the rates as plain numbers, text and objects."""
        return asdict(self)


def identify_templates(
    numbers_T: NDArray[np.int64],
    features_TD: NDArray[np.float64],
    probes: SubjectList,
    galleries: Sequence[SubjectList],
) -> list[TemplateIdentification]:
    """Search the probes in each gallery.

    Args:
        numbers_T: numbers of the templates, ascending.
        features_TD: their features, of unit length.
        probes: the probes.
        galleries: the galleries.

    Returns:
        The rates of each gallery, and of several their means.

    Raises:
        FembError: a template has no image, or no probe has a mate.
    """
    rows_of_probes = _rows(numbers_T, probes)
    results = []
    for gallery in galleries:
        found = search(
            features_TD[rows_of_probes], features_TD[_rows(numbers_T, gallery)], probes.subjects, gallery.subjects
        )
        results.append(_rates(gallery.path.name, found, len(gallery.subjects)))
    return [*results, _mean(results)] if len(results) > 1 else results


def _rows(numbers_T: NDArray[np.int64], templates: SubjectList) -> NDArray[np.int64]:
    rows = np.searchsorted(numbers_T, templates.numbers_T).clip(max=len(numbers_T) - 1)
    absent = np.flatnonzero(numbers_T[rows] != templates.numbers_T)
    if len(absent):
        raise FembError(f"{templates.path}: template {templates.numbers_T[absent[0]]} has no image in the lists")
    return rows


def _rates(gallery: str, found: SearchResults, num_gallery: int) -> TemplateIdentification:
    open_set = not found.mated_P.all()
    return TemplateIdentification(
        gallery=gallery,
        num_probes=len(found.rank_P),
        num_mated=int(found.mated_P.sum()),
        num_gallery=num_gallery,
        rank_rate={str(rank): rank_rate(found, rank) for rank in RANKS},
        tpir_at_fpir={rate: tpir_at_fpir(found, float(rate)).tpir for rate in FALSE_POSITIVE_RATES} if open_set else {},
    )


def _mean(results: Sequence[TemplateIdentification]) -> TemplateIdentification:
    """The mean rates of the galleries, as they are published."""
    shared = [rate for rate in FALSE_POSITIVE_RATES if all(rate in each.tpir_at_fpir for each in results)]
    return TemplateIdentification(
        gallery="mean",
        num_probes=results[0].num_probes,
        num_mated=sum(each.num_mated for each in results),
        num_gallery=sum(each.num_gallery for each in results),
        rank_rate={str(rank): float(np.mean([each.rank_rate[str(rank)] for each in results])) for rank in RANKS},
        tpir_at_fpir={rate: float(np.mean([each.tpir_at_fpir[rate] for each in results])) for rate in shared},
    )
