"""What `femb verify` shows: warnings, the table of metrics with their intervals, and the report."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from femb_cli.cli.output import Output, format_table, percent
from femb_cli.cli.scores import say_thresholds

if TYPE_CHECKING:
    from femb_cli.evaluation.metrics.intervals import Interval
    from femb_cli.evaluation.templates.verify import TemplateVerification
    from femb_cli.evaluation.verification.confidence import Confidence
    from femb_cli.evaluation.verification.result import Verification

TABLE_RATES = ("1e-2", "1e-3")
"""False accept rates in the table."""
COLUMNS = (
    *("benchmark", "model", "flip", "pairs", "protocol", "accuracy"),
    *("TAR@FAR 1e-2", "1e-3", "EER", "AUC", "threshold"),
)


def show_verifications(
    output: Output,
    results: "Sequence[Verification]",
    *,
    intervals: bool,
    report: Path | None,
    quality: Path | None,
    overwrite: bool,
) -> None:
    """Show verifications, and write their report.

    Args:
        output: where to show them.
        results: the verifications, at least one.
        intervals: show confidence intervals.
        report: the report's directory; None for no report.
        quality: file of quality scores for the report; None for the magnitudes of the embeddings.
        overwrite: replace a report that exists.
    """
    _warn(output, results)
    confidences = _confidences(results) if intervals or report is not None else []
    _show_table(output, results, confidences if intervals else [])
    say_thresholds(results, output)
    if report is not None:
        _write_report(report, results, confidences, quality, overwrite=overwrite)
        output.say(f"report: {report / 'report.html'}")


def show_templates(output: Output, result: "TemplateVerification") -> None:
    """Show a verification of templates: the official rates above the exact ones."""
    _warn(output, [result])
    metrics = result.metrics
    columns = (f"{result.benchmark}, {metrics.mode}", *metrics.official_tpr_at_fpr)
    rows = [
        ("TPR at the nearest FPR", *(percent(rate) for rate in metrics.official_tpr_at_fpr.values())),
        ("TAR at FAR", *(percent(rate) for rate in metrics.tar_at_far.values())),
    ]
    tables = [format_table(columns, rows)]
    if result.identification:
        tables.append(format_table(*_identification_table(result)))
    output.result(result.to_json(), "\n\n".join(tables))


def _identification_table(result: "TemplateVerification") -> tuple[Sequence[str], list[Sequence[str]]]:
    """The columns and rows of the search of probes in galleries."""
    first = result.identification[0]
    columns = (
        "gallery",
        *("probes", "mated", "templates"),
        *(f"rank {rank}" for rank in first.rank_rate),
        *(f"TPIR@FPIR {rate}" for rate in first.tpir_at_fpir),
    )
    rows: list[Sequence[str]] = [
        (
            each.gallery,
            *(f"{number:,}" for number in (each.num_probes, each.num_mated, each.num_gallery)),
            *map(percent, each.rank_rate.values()),
            *(percent(each.tpir_at_fpir[rate]) if rate in each.tpir_at_fpir else "" for rate in first.tpir_at_fpir),
        )
        for each in result.identification
    ]
    return columns, rows


def _confidences(results: "Sequence[Verification]") -> "list[Confidence]":
    """The confidence intervals of each verification."""
    from femb_cli.evaluation.verification.confidence import confidence_intervals

    return [confidence_intervals(result) for result in results]


def _warn(output: Output, results: "Sequence[Verification | TemplateVerification]") -> None:
    """Warn of problems of the pairs, once for all models."""
    from femb_cli.evaluation.metrics.roc import unsupported_rates

    warnings = [warning for result in results for warning in result.warnings]
    for result in results:
        num_impostor = int((~result.genuine_N).sum())
        warnings += [
            f"{result.benchmark} has {num_impostor} impostor pairs, too few for FAR {rate.rate:g}: it allows no false"
            f" accept at all, and a reliable rate needs {rate.needed_impostor_pairs} impostor pairs"
            for rate in unsupported_rates(num_impostor, map(float, TABLE_RATES))
            if not rate.allowed_false_accepts
        ]
    for warning in dict.fromkeys(warnings):
        output.warn(warning)


def _show_table(output: Output, results: "Sequence[Verification]", confidences: "Sequence[Confidence]") -> None:
    """Show the table, with intervals unless `confidences` is empty."""
    documents = [result.to_json() for result in results]
    for document, confidence in zip(documents, confidences, strict=False):
        document["intervals"] = {name: asdict(interval) for name, interval in confidence.intervals.items()}
        document["interval_kind"] = confidence.method
    intervals = [confidence.intervals for confidence in confidences] or [{}] * len(results)
    rows = [_row(result, of_result) for result, of_result in zip(results, intervals, strict=True)]
    output.table(documents[0] if len(documents) == 1 else {"results": documents}, COLUMNS, rows)
    if confidences:
        output.say(f"in brackets: 95 % intervals, {confidences[0].method}")


def _row(result: "Verification", intervals: "Mapping[str, Interval]") -> tuple[str, ...]:
    """One row of the table."""
    metrics = result.metrics
    return (
        result.benchmark,
        result.model,
        result.flip,
        str(metrics.num_pairs),
        metrics.protocol,
        f"{percent(metrics.accuracy)} ± {100 * metrics.accuracy_std:.2f}" + _between(intervals.get("accuracy")),
        *(percent(metrics.tar_at_far[far]) + _between(intervals.get(f"tar_at_far_{far}")) for far in TABLE_RATES),
        percent(metrics.eer) + _between(intervals.get("eer")),
        f"{metrics.auc:.4f}" + _between(intervals.get("auc"), factor=1, digits=4),
        f"{metrics.threshold:.3f}",
    )


def _between(interval: "Interval | None", *, factor: int = 100, digits: int = 2) -> str:
    """An interval in brackets, in percent unless `factor` is 1; nothing if it is unknown."""
    if interval is None:
        return ""
    return f" [{factor * interval.low:.{digits}f}, {factor * interval.high:.{digits}f}]"


def _write_report(
    report: Path,
    results: "Sequence[Verification]",
    confidences: "Sequence[Confidence]",
    quality: Path | None,
    *,
    overwrite: bool,
) -> None:
    from femb_cli.evaluation.report.contents import report_contents
    from femb_cli.evaluation.report.write import write_report
    from femb_cli.evaluation.verification.comparison import compare_models

    contents = [
        report_contents(result, confidence, quality) for result, confidence in zip(results, confidences, strict=True)
    ]
    command = shlex.join(["femb", *sys.argv[1:]])
    write_report(report, results, contents, compare_models(results), command=command, overwrite=overwrite)
