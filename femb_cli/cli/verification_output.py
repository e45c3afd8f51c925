"""What `femb verify` shows: warnings, the table of metrics with their intervals, and the report."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from femb_cli.cli.output import Output, format_table, percent
from femb_cli.cli.qualities import discard_documents, quality_of_each
from femb_cli.cli.scores import say_thresholds
from femb_cli.cli.verification_tables import USUAL_RATES, cut, detail_tables, summary_table, wide_table

if TYPE_CHECKING:
    from femb_cli.evaluation.templates.verify import TemplateVerification
    from femb_cli.evaluation.verification.confidence import Confidence
    from femb_cli.evaluation.verification.means import Means
    from femb_cli.evaluation.verification.quality_file import QualityScores
    from femb_cli.evaluation.verification.result import Verification

_LONGEST_TITLE, _LONGEST_GALLERY = 40, 24


def show_verifications(
    output: Output,
    results: "Sequence[Verification]",
    *,
    intervals: bool,
    wide: bool,
    report: Path | None,
    qualities: "Sequence[QualityScores]",
    overwrite: bool,
    with_means: bool = False,
) -> None:
    """Show verifications, and write their report; the models on one benchmark are below each other.

    Args:
        output: where to show them.
        results: the verifications, at least one.
        intervals: show confidence intervals.
        wide: show all figures, in rows of any length.
        report: the report's directory; None for no report.
        qualities: quality of the images, one for all models or one for each; empty for the magnitudes.
        overwrite: replace a report that exists.
        with_means: show the means of each model over the benchmarks.
    """
    from femb_cli.evaluation.verification.means import means_of_results
    from femb_cli.evaluation.verification.mirror_images import flip_warnings

    of_each = quality_of_each(results, qualities)
    order = _side_by_side(results)
    results, of_each = [results[place] for place in order], [of_each[place] for place in order]
    _warn(output, results)
    for warning in flip_warnings(results):
        output.warn(warning)
    confidences = _confidences(results) if intervals or report is not None else []
    discards = discard_documents(results, of_each, output)
    means = means_of_results(results) if with_means else None
    _show_tables(output, results, confidences if intervals else [], discards, means, wide=wide)
    if means is not None and means.by_model:
        output.say(f"means over {', '.join(means.benchmarks)}")
    if not wide:
        _say_protocols(output, results)
    if not results[0].operating_rates:
        say_thresholds(results, output)
    if report is not None:
        _write_report(report, results, confidences, of_each, means, overwrite=overwrite)
        output.say(f"report: {report / 'report.html'}")


def show_templates(output: Output, result: "TemplateVerification") -> None:
    """Show a verification of templates: the official rates beside the exact ones."""
    _warn(output, [result])
    metrics = result.metrics
    columns = (cut(f"{result.benchmark}, {metrics.mode}", _LONGEST_TITLE), "TPR at the nearest FPR", "TAR at FAR")
    rows = [
        (rate, percent(metrics.official_tpr_at_fpr[rate]), percent(metrics.tar_at_far[rate]))
        for rate in metrics.official_tpr_at_fpr
    ]
    tables = [format_table(columns, rows)]
    if result.identification:
        tables.append(format_table(*_identification_table(result)))
    output.result(result.to_json(), "\n\n".join(tables))


def _identification_table(result: "TemplateVerification") -> tuple[Sequence[str], list[Sequence[str]]]:
    """The columns and rows of the search of probes in galleries, which are the columns."""
    searches = result.identification
    first = searches[0]
    counts = [
        ("probes", [each.num_probes for each in searches]),
        ("mated", [each.num_mated for each in searches]),
        ("templates", [each.num_gallery for each in searches]),
    ]
    rows: list[Sequence[str]] = [
        *((name, *(f"{number:,}" for number in numbers)) for name, numbers in counts),
        *((f"rank {rank}", *(percent(each.rank_rate[rank]) for each in searches)) for rank in first.rank_rate),
        *(
            (
                f"TPIR@FPIR {rate}",
                *(percent(each.tpir_at_fpir[rate]) if rate in each.tpir_at_fpir else "" for each in searches),
            )
            for rate in first.tpir_at_fpir
        ),
    ]
    return ("gallery", *(cut(each.gallery, _LONGEST_GALLERY) for each in searches)), rows


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
        rates = getattr(result, "operating_rates", ()) or USUAL_RATES
        warnings += [
            f"{result.benchmark} has {num_impostor} impostor pairs, too few for FAR {rate.rate:g}: it allows no false"
            f" accept at all, and a reliable rate needs {rate.needed_impostor_pairs} impostor pairs"
            for rate in unsupported_rates(num_impostor, map(float, rates))
            if not rate.allowed_false_accepts
        ]
    for warning in dict.fromkeys(warnings):
        output.warn(warning)


def _show_tables(
    output: Output,
    results: "Sequence[Verification]",
    confidences: "Sequence[Confidence]",
    discards: Sequence[dict[str, Any]],
    means: "Means | None",
    *,
    wide: bool,
) -> None:
    """Show the table, and those of operating points and intervals below; no intervals if `confidences` is empty."""
    documents = [{**result.to_json(), **discard} for result, discard in zip(results, discards, strict=True)]
    for document, confidence in zip(documents, confidences, strict=False):
        document["intervals"] = {name: asdict(interval) for name, interval in confidence.intervals.items()}
        document["interval_kind"] = confidence.method
    intervals = [confidence.intervals for confidence in confidences] or [{}] * len(results)
    tables = [wide_table(results, means) if wide else summary_table(results, means)]
    if confidences or results[0].operating_rates:
        tables += detail_tables(results, intervals)
    shown: dict[str, Any] = documents[0] if len(documents) == 1 and means is None else {"results": documents}
    if means is not None:
        shown["means"] = means.to_json()
    output.result(shown, "\n\n".join(tables))
    if confidences:
        for method in dict.fromkeys(confidence.method for confidence in confidences):
            output.say(f"95 % intervals: {method}{_of_which(method, results, confidences)}")


def _side_by_side(results: "Sequence[Verification]") -> list[int]:
    """Return the places of the results so that those of one benchmark are together, in the order of the models."""
    benchmarks = list(dict.fromkeys(result.benchmark for result in results))
    return sorted(range(len(results)), key=lambda place: benchmarks.index(results[place].benchmark))


def _of_which(method: str, results: "Sequence[Verification]", confidences: "Sequence[Confidence]") -> str:
    """Say on which benchmarks a method was used, if there are several methods."""
    if all(confidence.method == method for confidence in confidences):
        return ""
    known = zip(results, confidences, strict=True)
    names = dict.fromkeys(result.benchmark for result, confidence in known if confidence.method == method)
    return f" ({', '.join(names)})"


def _say_protocols(output: Output, results: "Sequence[Verification]") -> None:
    """Say what the table leaves out: the pairs, the protocol and the mirror images."""
    lines = [
        f"{result.benchmark}: {result.metrics.num_genuine:,} genuine and {result.metrics.num_impostor:,} impostor"
        f" pairs, accuracy by the protocol {result.metrics.protocol}, mirror images: {result.flip}"
        for result in results
    ]
    for line in dict.fromkeys(lines):
        output.say(line)


def _write_report(
    report: Path,
    results: "Sequence[Verification]",
    confidences: "Sequence[Confidence]",
    qualities: "Sequence[QualityScores | None]",
    means: "Means | None",
    *,
    overwrite: bool,
) -> None:
    from femb_cli.evaluation.report.contents import report_contents
    from femb_cli.evaluation.report.write import write_report
    from femb_cli.evaluation.verification.comparison import compare_models

    contents = [report_contents(*each) for each in zip(results, confidences, qualities, strict=True)]
    command = shlex.join(["femb", *sys.argv[1:]])
    comparisons = compare_models(results)
    write_report(report, results, contents, comparisons, means, command=command, overwrite=overwrite)
