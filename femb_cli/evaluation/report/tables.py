"""The metrics of a report as tables for other programs and for papers: `table.csv`, `table.tex`, `groups.csv`."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from femb_cli.evaluation.metrics.intervals import Interval
from femb_cli.evaluation.metrics.roc import allowed_false_accepts
from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.group_tables import own_tar
from femb_cli.evaluation.report.latex import latex
from femb_cli.evaluation.verification.means import Means
from femb_cli.evaluation.verification.result import Verification

_RATES = ("1e-2", "1e-3", "1e-4")


def metrics_csv(names: Sequence[str], results: Sequence[Verification], contents: Sequence[ReportContents]) -> str:
    """Return the metrics of each result as CSV with a header; rates in [0, 1], ends of 95 % intervals beside them.

    Args:
        names: what to call the model of each result.
        results: the verifications.
        contents: what is known of each beyond its metrics.
    """
    return _csv(_metrics_row(*each) for each in zip(names, results, contents, strict=True))


def groups_csv(names: Sequence[str], results: Sequence[Verification], contents: Sequence[ReportContents]) -> str | None:
    """Return the error rates of each group as CSV with a header; None if there are no groups."""
    rows = [
        _group_row(name, result, comparison, group)
        for name, result, more in zip(names, results, contents, strict=True)
        for comparison in more.groups
        for group in comparison.groups
    ]
    return _csv(rows) if rows else None


def metrics_latex(
    names: Sequence[str],
    results: Sequence[Verification],
    contents: Sequence[ReportContents],
    means: Means | None = None,
) -> str:
    """Return the metrics as a table for LaTeX's package booktabs; percentages, with 95 % intervals where known.

    Args:
        names: what to call the model of each result.
        results: the verifications.
        contents: what is known of each beyond its metrics.
        means: the means of each model, which get a row each below.
    """
    rates = measured_rates(results)
    columns = ["Accuracy", *(rf"\shortstack{{FNMR at\\FMR {_power(rate)}}}" for rate in rates), "EER", "AUC"]
    lines = [
        r"% Needs \usepackage{booktabs}. In %; small: 95 % confidence intervals.",
        rf"\begin{{tabular}}{{ll{'r' * len(columns)}}}",
        r"\toprule",
        " & ".join(["Benchmark", "Model", *columns]) + r" \\",
        r"\midrule",
    ]
    title = None
    for name, result, more in zip(names, results, contents, strict=True):
        if title not in (None, result.title):
            lines.append(r"\addlinespace")
        shown = "" if title == result.title else latex(result.title)
        title = result.title
        lines += _latex_rows(shown, name, result, more, rates)
    lines += _latex_means(means, names, results, rates)
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def measured_rates(results: Sequence[Verification]) -> list[str]:
    """Return the false match rates at which every list has impostor pairs enough for a false match."""
    fewest = min(result.metrics.num_impostor for result in results)
    return [rate for rate in _rates(results[0]) if allowed_false_accepts(float(rate), fewest)]


def _rates(result: Verification) -> tuple[str, ...]:
    """The false match rates that the user chose, or else the usual ones."""
    return result.operating_rates or _RATES


def _latex_rows(
    title: str, name: str, result: Verification, more: ReportContents, rates: Sequence[str]
) -> tuple[str, ...]:
    """Return the row of a result, and the row of its intervals below."""
    metrics, intervals = result.metrics, more.confidence.intervals
    keys = ["accuracy", *(f"fnmr_at_fmr_{rate}" for rate in rates), "eer"]
    values = [metrics.accuracy, *(metrics.fnmr_at_fmr[rate] for rate in rates), metrics.eer]
    cells = [*(f"{100 * value:.2f}" for value in values), f"{metrics.auc:.4f}"]
    below = [*(_small(intervals.get(key), 100, 2) for key in keys), _small(intervals.get("auc"), 1, 4)]
    row = " & ".join([title, latex(name), *cells]) + r" \\"
    return (row, " & ".join(["", "", *below]) + r" \\") if any(below) else (row,)


def _latex_means(
    means: Means | None, names: Sequence[str], results: Sequence[Verification], rates: Sequence[str]
) -> list[str]:
    """Return the rows of the means below a line, if there are such."""
    if means is None or not means.by_model:
        return []
    called = {result.model: name for name, result in zip(names, results, strict=True)}
    lines, title = [r"\midrule"], f"Mean of {len(means.benchmarks)}"
    for model, of_model in means.by_model.items():
        keys = ["accuracy", *(f"fnmr_at_fmr_{rate}" for rate in rates), "eer"]
        cells = [*(f"{100 * of_model[key]:.2f}" for key in keys), f"{of_model['auc']:.4f}"]
        lines.append(" & ".join([title, latex(called[model]), *cells]) + r" \\")
        title = ""
    return lines


def _small(interval: Interval | None, factor: int, digits: int) -> str:
    """An interval in small digits; nothing if it is unknown."""
    if interval is None:
        return ""
    return rf"{{\scriptsize {factor * interval.low:.{digits}f}--{factor * interval.high:.{digits}f}}}"


def _power(rate: str) -> str:
    """A rate such as `1e-3` or `5e-4` for LaTeX."""
    digits, exponential, exponent = rate.partition("e")
    if not exponential:
        return rate
    return rf"$10^{{{exponent}}}$" if digits == "1" else rf"${digits} \times 10^{{{exponent}}}$"


def _metrics_row(name: str, result: Verification, more: ReportContents) -> dict[str, Any]:
    metrics, intervals = result.metrics, more.confidence.intervals
    area = more.discard_area
    row: dict[str, Any] = {
        "benchmark": result.title,
        "model": name,
        "flip": result.flip,
        "protocol": metrics.protocol,
        "genuine_pairs": metrics.num_genuine,
        "impostor_pairs": metrics.num_impostor,
    }
    numbers = {"accuracy": metrics.accuracy, "eer": metrics.eer, "auc": metrics.auc}
    rates = _rates(result)
    numbers |= {f"tar_at_far_{rate}": metrics.tar_at_far[rate] for rate in rates}
    numbers |= {f"fnmr_at_fmr_{rate}": metrics.fnmr_at_fmr[rate] for rate in rates}
    numbers |= {f"threshold_at_fmr_{rate}": metrics.threshold_at_fmr[rate] for rate in rates}
    for key, number in numbers.items():
        row |= {key: number, **_ends(key, intervals.get(key))}
    row |= {"accuracy_std": metrics.accuracy_std, "threshold": metrics.threshold, "quality": more.quality}
    return row | {"discard_area_to_20": None if area is None else area.area, "interval_method": more.confidence.method}


def _group_row(name: str, result: Verification, comparison: Any, group: Any) -> dict[str, Any]:
    return {
        "benchmark": result.title,
        "model": name,
        "grouping": comparison.grouping,
        "group": group.name,
        "fmr_of_threshold": comparison.far,
        "threshold": comparison.threshold,
        "genuine_pairs": group.num_genuine,
        "false_non_matches": group.false_non_matches,
        "fnmr": group.fnmr,
        **_ends("fnmr", group.fnmr_interval),
        "impostor_pairs": group.num_impostor,
        "false_matches": group.false_matches,
        "fmr": group.fmr,
        **_ends("fmr", group.fmr_interval),
        "tar_within": own_tar(group, comparison.far),
    }


def _ends(key: str, interval: Interval | None) -> dict[str, float | None]:
    """The two ends of a metric's interval, by the names of their columns."""
    ends = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{key}_low": ends[0], f"{key}_high": ends[1]}


def _csv(rows: Iterable[dict[str, Any]]) -> str:
    """Return rows of the same columns as CSV; a cell that is not known is empty."""
    text = StringIO()
    for place, row in enumerate(rows):
        writer = csv.DictWriter(text, list(row), lineterminator="\n")
        if place == 0:
            writer.writeheader()
        writer.writerow(row)
    return text.getvalue()
