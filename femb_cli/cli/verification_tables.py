"""The tables of `femb verify` on a terminal: the usual figures in 80 columns, or all of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from femb_cli.cli.output import format_table, percent
from femb_cli.text import columns_of

if TYPE_CHECKING:
    from femb_cli.evaluation.metrics.intervals import Interval
    from femb_cli.evaluation.verification.means import Means
    from femb_cli.evaluation.verification.result import Verification

USUAL_RATES = ("1e-2", "1e-3")
"""False match rates that are shown where the user chose none."""
WIDTH = 80
"""Columns of a terminal, which no row exceeds unless `--wide` is given."""
_MOST_RATES = 2
_GAP = "  "
_FEW = "†"
_FOOTNOTE = f"\n{_FEW} not measurable: the impostor pairs are too few, so no false match is allowed"


def summary_table(results: "Sequence[Verification]", means: "Means | None" = None) -> str:
    """Return one row of the usual figures for each result, in 80 columns; long names are cut at their start.

    Args:
        results: the verifications, at least one.
        means: the means of each model, which get a row each below.
    """
    rates = (results[0].operating_rates or USUAL_RATES[-1:])[:_MOST_RATES]
    header = ("accuracy", *(f"FNMR@{rate}" for rate in rates), "EER", "AUC")
    figures = [_figures(result, rates) for result in results]
    of_models = _mean_rows(means)
    figures += [_mean_cells(of_model, rates) for _, _, of_model in of_models]
    widths = [max(map(len, cells)) for cells in zip(header, *figures, strict=True)]
    benchmarks, models = _fitted(
        ["benchmark", *(result.benchmark for result in results), *(name for name, _, _ in of_models)],
        ["model", *(result.model for result in results), *(model for _, model, _ in of_models)],
        WIDTH - sum(widths) - len(_GAP) * (len(widths) + 1),
    )
    lines = zip(benchmarks, models, [header, *figures], strict=True)
    columns, *rows = [(benchmark, model, *cells) for benchmark, model, cells in lines]
    return format_table(columns, rows, gap=_GAP, num_left=2)


def wide_table(results: "Sequence[Verification]", means: "Means | None" = None) -> str:
    """Return one row of all figures for each result, with names in full; arguments as `summary_table`."""
    rates = results[0].operating_rates or USUAL_RATES
    of_rates = [name for rate in rates for name in (f"FNMR@{rate}", f"TAR@{rate}", f"threshold@{rate}")]
    names = ("benchmark", "model", "flip", "pairs", "protocol", "accuracy", "threshold")
    rows = []
    for result in results:
        metrics = result.metrics
        accuracy, *_, eer, auc = _figures(result, ())
        at_rates = [
            text
            for rate in rates
            for text in (
                percent(metrics.fnmr_at_fmr[rate]),
                percent(metrics.tar_at_far[rate]),
                _threshold(result, metrics.threshold_at_fmr[rate]),
            )
        ]
        spread = "" if metrics.d_prime is None else f"{metrics.d_prime:.3f}"
        names_of = _one_line(result.benchmark), _one_line(result.model)
        about = (*names_of, result.flip, f"{metrics.num_pairs:,}", metrics.protocol)
        rows.append((*about, accuracy, _threshold(result, metrics.threshold), *at_rates, eer, auc, spread))
    for name, model, of_model in _mean_rows(means):
        accuracy, *fnmr, eer, auc = _mean_cells(of_model, rates)
        at_rates = [
            text for cell, rate in zip(fnmr, rates, strict=True) for text in (cell, _mean_tar(of_model, rate), "")
        ]
        rows.append((name, model, "", "", "", accuracy, "", *at_rates, eer, auc, ""))
    return format_table((*names, *of_rates, "EER", "AUC", "d'"), rows)


def detail_tables(results: "Sequence[Verification]", intervals: "Sequence[Mapping[str, Interval]]") -> list[str]:
    """Return a table for each result: its operating points with their thresholds, and the intervals of its figures.

    Args:
        results: the verifications.
        intervals: the intervals of each result's metrics by name; empty ones for operating points alone.
    """
    return [_detail_table(result, known) for result, known in zip(results, intervals, strict=True)]


def _detail_table(result: "Verification", intervals: "Mapping[str, Interval]") -> str:
    from femb_cli.evaluation.metrics.roc import unmeasured_rates

    metrics, rates = result.metrics, result.operating_rates or USUAL_RATES
    few = unmeasured_rates(rates, metrics.num_impostor)
    rows = [
        (
            f"FNMR at FMR {rate}{_FEW if rate in few else ''}",
            percent(metrics.fnmr_at_fmr[rate]),
            _between(intervals.get(f"fnmr_at_fmr_{rate}")),
            _threshold(result, metrics.threshold_at_fmr[rate]),
            _ends(result, intervals.get(f"threshold_at_fmr_{rate}")),
        )
        for rate in rates
    ]
    if intervals:
        rows = [
            ("accuracy", percent(metrics.accuracy), _between(intervals.get("accuracy")), "", ""),
            *rows,
            ("EER", percent(metrics.eer), _between(intervals.get("eer")), "", ""),
            ("AUC", f"{metrics.auc:.4f}", _between(intervals.get("auc"), factor=1, digits=4), "", ""),
        ]
        table = format_table(("", "value", "95 % interval", "threshold", "95 % interval"), rows, gap=_GAP)
    else:
        without = [(name, value, threshold) for name, value, _, threshold, _ in rows]
        table = format_table(("", "value", "threshold"), without, gap=_GAP)
    heading = cut(f"{result.benchmark}, {result.model}", WIDTH - 1)
    return f"{heading}:\n{table}{_FOOTNOTE if few else ''}"


def _figures(result: "Verification", rates: Sequence[str]) -> tuple[str, ...]:
    """The usual figures as text."""
    metrics = result.metrics
    return (
        f"{percent(metrics.accuracy)} ± {100 * metrics.accuracy_std:.2f}",
        *(percent(metrics.fnmr_at_fmr[rate]) for rate in rates),
        percent(metrics.eer),
        f"{metrics.auc:.4f}",
    )


def _mean_rows(means: "Means | None") -> list[tuple[str, str, Mapping[str, float]]]:
    """What stands in place of the benchmark, the model, and its means."""
    if means is None:
        return []
    return [(f"mean of {len(means.benchmarks)}", model, of_model) for model, of_model in means.by_model.items()]


def _mean_cells(means: Mapping[str, float], rates: Sequence[str]) -> tuple[str, ...]:
    """The means of the usual figures as text; the accuracy has no spread, which is that over folds."""
    at_rates = (percent(means[f"fnmr_at_fmr_{rate}"]) for rate in rates)
    # Below the accuracies: a spread takes as many columns as it has here.
    return f"{percent(means['accuracy'])}       ", *at_rates, percent(means["eer"]), f"{means['auc']:.4f}"


def _mean_tar(means: Mapping[str, float], rate: str) -> str:
    return percent(1.0 - means[f"fnmr_at_fmr_{rate}"])


def _threshold(result: "Verification", threshold: float) -> str:
    """A threshold of cosines with four decimals, of other scores with six digits."""
    return f"{threshold:.6g}" if result.embedded is None else f"{threshold:.4f}"


def _ends(result: "Verification", interval: "Interval | None") -> str:
    """The interval of a threshold."""
    return "" if interval is None else f"{_threshold(result, interval.low)} to {_threshold(result, interval.high)}"


def _between(interval: "Interval | None", *, factor: int = 100, digits: int = 2) -> str:
    """An interval, in percent unless `factor` is 1; nothing if it is unknown."""
    if interval is None:
        return ""
    return f"{factor * interval.low:.{digits}f} to {factor * interval.high:.{digits}f}"


def _fitted(first: Sequence[str], second: Sequence[str], room: int) -> tuple[list[str], list[str]]:
    """Cut two columns of names so that both fit; the wider one first."""
    wide_first, wide_second = max(map(columns_of, first)), max(map(columns_of, second))
    most_first = min(wide_first, max(room - wide_second, room // 2))
    return [cut(name, most_first) for name in first], [cut(name, room - most_first) for name in second]


def _one_line(name: str) -> str:
    """A name without tabs and line ends, which would break the rows."""
    return " ".join(name.split())


def cut(name: str, most: int) -> str:
    """Cut a name at its start, because a path is best known by its end.

    Args:
        name: the name.
        most: columns of a terminal that it may take.
    """
    name = _one_line(name)
    if columns_of(name) <= most:
        return name
    while columns_of(name) >= most:
        name = name[1:]
    return f"…{name}"
