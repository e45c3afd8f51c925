"""The groups of a report: one table for each grouping of a benchmark, with the models side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from femb_cli.evaluation.metrics.groups import GroupComparison, GroupErrors
from femb_cli.evaluation.metrics.roc import allowed_false_accepts
from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.verification.result import Verification


def own_tar(group: GroupErrors, far: float) -> float | None:
    """Return the TAR of a group at its own threshold; None if its impostor pairs are too few for the FAR.

    The fewer impostor pairs a group has, the lower is the threshold that none of them reaches, so that small groups
    would look better.
    """
    return group.tar_within if far == 0.0 or allowed_false_accepts(far, group.num_impostor) else None


@dataclass(frozen=True)
class GroupTable:
    """One grouping of one benchmark.

    Attributes:
        title: display name of the benchmark.
        grouping: attribute by which the pairs are grouped.
        models: name of each model, and the threshold that all pairs need for the FMR.
        far: the FMR.
        rows: name of each group, with its errors for each model; None if a model has no such group.
        findings: what differs between the groups, and for which model, one sentence each.
        remarks: what does not differ, one sentence each.
    """

    title: str
    grouping: str
    models: Sequence[tuple[str, float]]
    far: float
    rows: Sequence[tuple[str, Sequence[GroupErrors | None]]]
    findings: list[str]
    remarks: list[str]

    @property
    def has_small(self) -> bool:
        """Whether a group has too few impostor pairs for a threshold of its own."""
        groups = [group for _, cells in self.rows for group in cells if group is not None]
        return any(group.tar_within is not None and own_tar(group, self.far) is None for group in groups)


def group_tables(
    names: Sequence[str], results: Sequence[Verification], contents: Sequence[ReportContents]
) -> list[GroupTable]:
    """Return the tables of all groupings.

    The groups by quality have the same places but not the same limits for all models, so a row is called by its place.

    Args:
        names: what the report calls the model of each result.
        results: the verifications.
        contents: what is known of each beyond its metrics.
    """
    models: dict[tuple[str, str, bool], list[tuple[str, float, GroupComparison]]] = {}
    for name, result, more in zip(names, results, contents, strict=True):
        for comparison in more.groups:
            threshold = -comparison.threshold if result.are_distances else comparison.threshold
            key = (result.title, comparison.grouping, comparison.grouping == more.quality)
            models.setdefault(key, []).append((name, threshold, comparison))
    return [_table(*key, of_key) for key, of_key in models.items()]


def _table(
    title: str, grouping: str, by_place: bool, models: Sequence[tuple[str, float, GroupComparison]]
) -> GroupTable:
    def row_of(group: GroupErrors) -> str:
        return f"part {group.name.partition(':')[0]}" if by_place else group.name

    def shown(group: str) -> str:
        place, _, limits = group.partition(": ")
        return f"part {place} ({limits})" if by_place else f"“{group}”"

    groups = [{row_of(group): group for group in comparison.groups} for _, _, comparison in models]
    rows = sorted({name for of_model in groups for name in of_model})
    findings: list[str] = []
    remarks: list[str] = []
    for name, _, comparison in models:
        for rate in ("FNMR", "FMR"):
            sentence, is_finding = _sentence(name, comparison, rate, shown)
            if sentence:
                (findings if is_finding else remarks).append(sentence)
    cells = [(row, [of_model.get(row) for of_model in groups]) for row in rows]
    thresholds = [(name, threshold) for name, threshold, _ in models]
    return GroupTable(title, grouping, thresholds, models[0][2].far, cells, findings, remarks)


def _sentence(name: str, comparison: GroupComparison, rate: str, shown: Callable[[str], str]) -> tuple[str, bool]:
    """Return a sentence on how a rate of a model differs between the groups, and whether it differs.

    Args:
        name: what the report calls the model.
        comparison: its groups.
        rate: `FNMR` or `FMR`.
        shown: how a group is called in the sentence.
    """
    is_fmr = rate == "FMR"
    counted = {
        group.name: (group.false_matches, group.num_impostor)
        if is_fmr
        else (group.false_non_matches, group.num_genuine)
        for group in comparison.groups
        if (group.num_impostor if is_fmr else group.num_genuine)
    }
    if len(counted) < 2:
        return "", False
    if not any(errors for errors, _ in counted.values()):
        return f"{name}: no false {'match' if is_fmr else 'non-match'} in any group.", False
    apart = comparison.fmr_apart if is_fmr else comparison.fnmr_apart
    if apart is None:
        return f"{name}: the {rate} of no two groups can be told apart.", False
    higher, lower = (counted[group][0] / counted[group][1] for group in apart)
    ratio = f", {higher / lower:.1f} times as high" if lower else ""
    one, other = map(shown, apart)
    return f"{name}: the {rate} is {_percent(higher)} for {one} and {_percent(lower)} for {other}{ratio}.", True


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f} %"
