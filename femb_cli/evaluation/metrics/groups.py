"""Error rates of groups of pairs at one common threshold, and how much they differ.

A system in use has one threshold, so the groups are compared at the threshold of all pairs together. For each
group, TAR at FAR is also given at the group's own threshold. Demographic groups should be compared by impostor pairs
within the group, because these are harder than pairs of people who look different.

The intervals take the pairs as independent and the threshold as fixed. If a person is in many pairs, they are too
narrow; the search for groups that differ then counts fewer pairs, if the people are known.

Sources:
    P. Grother, M. Ngan and K. Hanaoka, "Face Recognition Vendor Test Part 3: Demographic Effects", NISTIR 8280, 2019.
    P. Grother, "Face Recognition Vendor Test Part 8: Summarizing Demographic Differentials", NISTIR 8429, 2022: ratio
        of the largest to the smallest rate, and of the largest to the geometric mean.
    J. Howard et al., "Evaluating proposed fairness models for face recognition algorithms", ICPR Workshops 2022,
        https://arxiv.org/abs/2203.05051: the Gini coefficient, corrected for the number of groups.
    ISO/IEC 19795-10:2024, "Quantifying biometric system performance variation across demographic groups".

Shape suffix: N pairs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.binomial import clopper_pearson
from femb_cli.evaluation.metrics.blocks import blocks
from femb_cli.evaluation.metrics.dependence import effective_pairs
from femb_cli.evaluation.metrics.intervals import Interval
from femb_cli.evaluation.metrics.roc import checked_scores, roc_curve, tar_at_far
from femb_cli.evaluation.text_column import TextColumn, sorted_numbers


@dataclass(frozen=True)
class GroupErrors:
    """The errors of one group at the common threshold; a rate is None if the group has no pairs of that kind.

    Attributes:
        name: the group.
        num_genuine: number of its genuine pairs.
        num_impostor: number of its impostor pairs.
        false_non_matches: genuine pairs that are rejected.
        false_matches: impostor pairs that are accepted.
        fnmr: share of the genuine pairs that is rejected, in [0, 1].
        fmr: share of the impostor pairs that is accepted, in [0, 1].
        tar_within: TAR at the comparison's FAR, with the threshold computed from this group's pairs only, in [0, 1].
        fnmr_interval: 95 % interval of the FNMR.
        fmr_interval: 95 % interval of the FMR.
    """

    name: str
    num_genuine: int
    num_impostor: int
    false_non_matches: int
    false_matches: int
    fnmr: float | None
    fmr: float | None
    tar_within: float | None
    fnmr_interval: Interval | None
    fmr_interval: Interval | None


@dataclass(frozen=True)
class Differential:
    """How much the rates of several groups differ.

    Attributes:
        highest: group of the highest rate.
        lowest: group of the lowest rate.
        max_over_min: the highest rate over the lowest; None if the lowest is 0.
        max_over_geometric_mean: the highest rate over the geometric mean of all; None if a rate is 0.
        gini: mean absolute difference of all ordered pairs of groups, over twice the mean rate: 0 if all rates are
            equal, 1 if all errors are in one group; None if all rates are 0.
    """

    highest: str
    lowest: str
    max_over_min: float | None
    max_over_geometric_mean: float | None
    gini: float | None


@dataclass(frozen=True)
class GroupComparison:
    """The groups of one grouping at a common threshold.

    Attributes:
        grouping: attribute by which the pairs are grouped, such as `sex`.
        far: the false accept rate of the threshold, and of each `tar_within`.
        threshold: the threshold of all pairs together; a pair is accepted if its score is at least this.
        groups: the groups, in the order of their names.
        fnmr: how much their FNMRs differ; None if fewer than two groups have genuine pairs.
        fmr: how much their FMRs differ; None if fewer than two groups have impostor pairs.
        fnmr_apart: a group with an FNMR that is clearly higher than that of a second group; see `groups_apart`.
        fmr_apart: a group with an FMR that is clearly higher than that of a second group.
    """

    grouping: str
    far: float
    threshold: float
    groups: tuple[GroupErrors, ...]
    fnmr: Differential | None
    fmr: Differential | None
    fnmr_apart: tuple[str, str] | None
    fmr_apart: tuple[str, str] | None

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain numbers, text and objects."""
        return {**asdict(self), "groups": [asdict(group) for group in self.groups]}


def compare_groups(
    scores_N: ArrayLike,
    genuine_N: ArrayLike,
    labels_N: Sequence[str],
    *,
    grouping: str,
    far: float = 1e-3,
    people: tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]] | None = None,
) -> GroupComparison:
    """Compare groups of pairs at the threshold that gives a FAR on all pairs together.

    Args:
        scores_N: similarity of each pair, finite.
        genuine_N: true where both images show the same person.
        labels_N: group of each pair.
        grouping: attribute by which the pairs are grouped, such as `sex`.
        far: allowed share of accepted impostor pairs, in [0, 1].
        people: number of the person of the first and of the second image of each pair (N,), from 0; None if unknown.

    Raises:
        FembError: as `checked_scores`, if a label is missing, or `far` is not in [0, 1].
    """
    scores, genuine = checked_scores(scores_N, genuine_N)
    if len(labels_N) != len(scores):
        raise FembError(f"every pair needs one group: {len(scores)} pairs, {len(labels_N)} groups of {grouping!r}")
    threshold = tar_at_far(roc_curve(scores, genuine), far).threshold
    labels = TextColumn.of(labels_N)
    names = sorted(labels.occurring())
    (places_N,) = sorted_numbers(labels)
    groups = tuple(
        _group_errors(name, scores[places_N == place], genuine[places_N == place], threshold, far)
        for place, name in enumerate(names)
    )
    return GroupComparison(
        grouping=grouping,
        far=far,
        threshold=threshold,
        groups=groups,
        fnmr=differential({group.name: group.fnmr for group in groups if group.fnmr is not None}),
        fmr=differential({group.name: group.fmr for group in groups if group.fmr is not None}),
        fnmr_apart=groups_apart(_independent(scores < threshold, genuine, names, places_N, people)),
        fmr_apart=groups_apart(_independent(scores >= threshold, ~genuine, names, places_N, people)),
    )


def groups_apart(errors: Mapping[str, tuple[float, float]], *, level: float = 0.95) -> tuple[str, str] | None:
    """Return two groups whose error rates can be told apart from chance.

    Each group gets a Clopper-Pearson interval that is wide enough for all intervals together to contain the true rates
    at the level (C. Bonferroni, 1936). Two groups differ if their intervals do not overlap.

    Args:
        errors: number of errors and number of independent pairs of each group; groups without pairs are left out.
        level: probability that no difference is named if there is none, in (0, 1).

    Returns:
        The group whose interval begins highest and the one whose interval ends lowest; None if these overlap.
    """
    counted = {name: counts for name, counts in errors.items() if counts[1]}
    each = 1.0 - (1.0 - level) / max(1, len(counted))
    intervals = {name: clopper_pearson(*counts, level=each) for name, counts in counted.items()}
    if len(intervals) < 2:
        return None
    higher = max(intervals, key=lambda name: intervals[name].low)
    lower = min(intervals, key=lambda name: intervals[name].high)
    return (higher, lower) if intervals[higher].low > intervals[lower].high else None


def differential(rates: dict[str, float]) -> Differential | None:
    """Summarise how much the rates of groups differ; None for fewer than two groups.

    Args:
        rates: rate of each group, in [0, 1].
    """
    if len(rates) < 2:
        return None
    highest, lowest = max(rates, key=rates.__getitem__), min(rates, key=rates.__getitem__)
    largest, smallest = rates[highest], rates[lowest]
    geometric_mean = math.exp(sum(map(math.log, rates.values())) / len(rates)) if smallest > 0.0 else None
    return Differential(
        highest=highest,
        lowest=lowest,
        max_over_min=largest / smallest if smallest > 0.0 else None,
        max_over_geometric_mean=None if geometric_mean is None else largest / geometric_mean,
        gini=_gini(np.array(list(rates.values()))) if largest > 0.0 else None,
    )


def quantile_bins(values_N: ArrayLike, num_bins: int = 4) -> TextColumn:
    """Divide pairs into groups of about equal size by a number such as quality.

    Args:
        values_N: the number of each pair, finite.
        num_bins: number of groups, 1 to 9; there may be fewer, because equal values stay together.

    Returns:
        The group of each pair (N,), such as `1: 9.85 to 13.2`; the number rises with the values.

    Raises:
        FembError: if a value is not finite.
    """
    values = np.asarray(values_N, dtype=np.float64)
    if not np.isfinite(values).all():
        raise FembError("a value to sort the pairs by is not finite", hint="look for NaN in the qualities")
    ordered = np.sort(values)
    bins_N = np.empty(len(values), dtype=np.uint8)
    for rows in blocks(len(values)):
        # Equal values get their middle rank, so that all of them are in one bin.
        ranks = sum(np.searchsorted(ordered, values[rows], side) for side in ("left", "right")) / 2
        bins_N[rows] = ranks * num_bins / len(values)
    present = np.unique(bins_N)
    numbers = np.zeros(num_bins, dtype=np.uint8)
    numbers[present] = np.arange(len(present))
    members = (values[bins_N == number] for number in present)
    names = [f"{place}: {inside.min():.4g} to {inside.max():.4g}" for place, inside in enumerate(members, 1)]
    return TextColumn(tuple(names), numbers[bins_N])


def _independent(
    errors_N: NDArray[np.bool_],
    kind_N: NDArray[np.bool_],
    names: Sequence[str],
    places_N: NDArray[np.int32],
    people: tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]] | None,
) -> dict[str, tuple[float, float]]:
    """Return the number of errors and of pairs of one kind of each group, as if its pairs were independent."""
    counts = {}
    for place, name in enumerate(names):
        inside = kind_N & (places_N == place)
        errors = errors_N[inside]
        number = float(len(errors))
        if people is not None:
            number = effective_pairs(errors, people[0][inside], people[1][inside])
        counts[name] = (number * float(errors.mean()) if len(errors) else 0.0, number)
    return counts


def _group_errors(
    name: str, scores: NDArray[np.float64], genuine: NDArray[np.bool_], threshold: float, far: float
) -> GroupErrors:
    num_genuine = int(np.count_nonzero(genuine))
    num_impostor = len(genuine) - num_genuine
    accepted = scores >= threshold
    false_non_matches = int(np.count_nonzero(genuine & ~accepted))
    false_matches = int(np.count_nonzero(~genuine & accepted))
    return GroupErrors(
        name=name,
        num_genuine=num_genuine,
        num_impostor=num_impostor,
        false_non_matches=false_non_matches,
        false_matches=false_matches,
        fnmr=false_non_matches / num_genuine if num_genuine else None,
        fmr=false_matches / num_impostor if num_impostor else None,
        tar_within=tar_at_far(roc_curve(scores, genuine), far).tar if num_genuine and num_impostor else None,
        fnmr_interval=clopper_pearson(false_non_matches, num_genuine) if num_genuine else None,
        fmr_interval=clopper_pearson(false_matches, num_impostor) if num_impostor else None,
    )


def _gini(rates: NDArray[np.float64]) -> float:
    """The Gini coefficient times n / (n - 1), so that it is 1, not (n - 1) / n, if one group has all errors."""
    num_groups = len(rates)
    differences = np.abs(rates[:, None] - rates[None, :]).sum()
    return float(differences / (2 * num_groups * (num_groups - 1) * rates.mean()))
