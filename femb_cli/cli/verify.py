"""`femb verify`."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.gates import FnmrLimit, end_if_missed, missed_accuracy, missed_fnmr
from femb_cli.cli.output import Output
from femb_cli.errors import UsageError

if TYPE_CHECKING:
    from femb_cli.evaluation.metrics.intervals import Interval
    from femb_cli.evaluation.templates.verify import TemplateVerification
    from femb_cli.evaluation.verification.result import Verification
    from femb_cli.inference.verify_extras import Confidence
    from femb_cli.inference.verify_job import VerifyJob

WARNED_RATES = (1e-2, 1e-3)
"""False accept rates in the table: of pairs too few for them, a person is warned."""


class Flip(StrEnum):
    """How mirror images are used."""

    none = "none"
    sum = "sum"


class Protocol(StrEnum):
    """The rule of the accuracy."""

    arcface = "arcface"
    xqlfw = "xqlfw"
    magface = "magface"
    magface_no_mean = "magface-no-mean"
    exact = "exact"


def verify(
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset",
            help="A name of femb list benchmarks, a benchmark directory or a .bin; repeatable. Default: xqlfw.",
            autocompletion=options.benchmark_names,
        ),
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="A pair list of your own: LFW's format, or CSV ref,probe,mated.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder, zip or dataset with the pairs' images.")
    ] = None,
    embeddings: Annotated[
        Path | None, typer.Option("--embeddings", help="What femb embed wrote, instead of images.")
    ] = None,
    templates: Annotated[
        Path | None,
        typer.Option("--templates", metavar="DIR", help="Lists of IJB-B or IJB-C, to score templates of --embeddings."),
    ] = None,
    ijb_mode: Annotated[
        str | None,
        typer.Option(
            "--ijb-mode",
            metavar="NxDxFx",
            help="Norm, detector and flip of --templates, 1 or 0 each: N1D1F1 adds the two halves of each row,"
            " N1D1 takes rows of one embedding. Default: N1D1 for what femb embed wrote, else N1D1F1.",
        ),
    ] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="Run, checkpoint or .onnx file; repeatable. Default: the newest finished run.",
        ),
    ] = None,
    data_dir: options.DataDir = None,
    flip: Annotated[
        Flip | None, typer.Option("--flip", help="Add mirror images' embeddings. Default: as the model's authors do.")
    ] = None,
    protocol: Annotated[
        Protocol | None,
        typer.Option("--protocol", help="Whose rule the accuracy follows. Default: the benchmark's own, else arcface."),
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images at a time.")] = 64,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Write a page with curves, and the metrics.")
    ] = None,
    quality: Annotated[
        Path | None,
        typer.Option("--quality", help="Scores for the report's discard curve. Default: the embeddings' magnitudes."),
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Add 95 % confidence intervals; a report always has them.")
    ] = False,
    use_cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep embeddings, and take those that were kept.")
    ] = True,
    min_accuracy: Annotated[
        float | None, typer.Option("--min-accuracy", help="End with exit code 1 below this accuracy (0.995).")
    ] = None,
    max_fnmr: Annotated[
        str | None,
        typer.Option(
            "--max-fnmr",
            metavar="X[@FMR]",
            help="End with exit code 1 above this FNMR at that FMR (0.05@1e-3; FMR 1e-3 if left out).",
        ),
    ] = None,
    processes: options.Processes = None,
    gpus: options.Gpus = None,
    device: options.Device = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Verify models on pairs: accuracy, TAR at FAR, FNMR at FMR, EER, AUC.

    \b
    Examples:
      femb verify --dataset xqlfw
      femb verify --dataset lfw --data-dir data/ --model a --model b
      femb verify --dataset cfp_fp --dataset agedb_30 --data-dir faces_emore/
      femb verify --pairs pairs.csv --images photos/ --intervals --report report/
      femb verify --pairs pairs.txt --embeddings embeddings.npy --protocol exact --max-fnmr 0.05@1e-3
      femb verify --templates IJBC --embeddings features.npy --ijb-mode N1D1F1
    """
    from femb_cli.files import refuse_existing

    output = Output(json=json, quiet=quiet)
    if templates is None:
        _check_usage(dataset, pairs, images, embeddings, model, ijb_mode)
    else:
        _check_template_usage(embeddings, dataset, pairs, images, model, flip, protocol, report, min_accuracy)
    fnmr_limit = None if max_fnmr is None else FnmrLimit.parse(max_fnmr)
    if templates is not None and embeddings is not None:
        _verify_templates(templates, embeddings, ijb_mode, fnmr_limit, output)
        return
    if report is not None:
        refuse_existing(report, overwrite=overwrite)
    several = processes or gpus or 1
    if several > 1 and not use_cache:
        raise UsageError("--no-cache goes with one process", hint="several hand their embeddings over in the cache")
    output.load_libraries()
    rule = None if protocol is None else protocol.value
    if pairs is not None and embeddings is not None:
        from femb_cli.evaluation.verification.result import verify_embeddings

        results = [verify_embeddings(pairs, embeddings, rule or "arcface")]
    else:
        from femb_cli.checkpoints.runs import runs_folder
        from femb_cli.evaluation.verification.benchmarks import DEFAULT_BENCHMARK
        from femb_cli.inference.verify_job import VerifyJob
        from femb_cli.runtime.devices import check_processes

        check_processes(several, gpus, device)
        job = VerifyJob(
            datasets=tuple(dataset or (DEFAULT_BENCHMARK,)),
            pairs=pairs,
            images=images,
            data_dir=data_dir,
            models=tuple(model or ()),
            runs=runs_folder(),
            protocol=rule,
            flip=None if flip is None else flip.value,
            batch_size=batch_size,
            use_cache=use_cache,
            device=device,
        )
        results = _verify_images(job, several, output)
    if not results:
        return
    _warn(output, results)
    known = _confidence(results) if intervals or report is not None else None
    _show(output, results, known if intervals else None)
    if report is not None and known is not None:
        _write_report(report, results, known, quality, output, overwrite=overwrite)
    missed = [] if min_accuracy is None else missed_accuracy(results, min_accuracy)
    end_if_missed(missed + ([] if fnmr_limit is None else missed_fnmr(results, fnmr_limit)), output)


def percent(rate: float) -> str:
    """A rate as people read it."""
    return f"{100 * rate:.2f} %"


def _check_usage(*given: object) -> None:
    dataset, pairs, images, embeddings, model, ijb_mode = given
    if dataset and pairs:
        raise UsageError(
            "--dataset and --pairs exclude each other", hint="name a benchmark, or bring pairs of your own"
        )
    if pairs and bool(images) == bool(embeddings):
        raise UsageError("--pairs needs either --images or --embeddings")
    if not pairs and (images or embeddings):
        raise UsageError("--images and --embeddings belong to --pairs", hint="--pairs FILE names the pair list")
    if embeddings and model:
        raise UsageError("stored embeddings need no --model")
    if ijb_mode:
        raise UsageError("--ijb-mode belongs to --templates")


def _check_template_usage(embeddings: Path | None, *others: object) -> None:
    if embeddings is None:
        raise UsageError("--templates needs --embeddings", hint="embed the images of the set with femb embed first")
    if any(other is not None for other in others):
        raise UsageError(
            "--templates goes with --embeddings, --ijb-mode and --max-fnmr only",
            hint="templates have no folds, so no accuracy, and their embeddings are made already",
        )


def _verify_images(job: "VerifyJob", several: int, output: Output) -> "list[Verification]":
    """Verify on this process, of embeddings that several may have made; nothing on any but the main one."""
    from femb_cli.inference.verify_job import keep_embeddings
    from femb_cli.runtime.launch import launch, on_main_process
    from femb_cli.runtime.ranks import inside_launcher, is_main_process

    if inside_launcher():
        # One of them fetches the benchmarks, before all open them.
        on_main_process(lambda: len(job.open_pair_sets(output.say)), job.device)
    with output.progress("preparing") as progress:
        pair_sets = job.open_pair_sets(output.say, progress)
    if several > 1 and not inside_launcher():
        output.say(f"embedding on {several} processes")
        launch(keep_embeddings, several, job)
    results = job.run(pair_sets, output.progress)
    return results if is_main_process() else []


def _warn(output: Output, results: "Sequence[Verification | TemplateVerification]") -> None:
    """Say what is odd about the pairs, once for all models."""
    from femb_cli.evaluation.metrics.roc import unsupported_rates

    warnings = [warning for result in results for warning in result.warnings]
    for result in results:
        num_impostor = int((~result.genuine_N).sum())
        warnings += [
            f"{result.benchmark} has {num_impostor} impostor pairs, too few for FAR {rate.rate:g}: not one false accept"
            f" is allowed, and {rate.needed_impostor_pairs} pairs would be needed for a figure to rely on"
            for rate in unsupported_rates(num_impostor, WARNED_RATES)
            if not rate.allowed_false_accepts
        ]
    for warning in dict.fromkeys(warnings):
        output.warn(warning)


def _confidence(results: "list[Verification]") -> "list[Confidence]":
    from femb_cli.inference.verify_extras import confidence_intervals

    return [confidence_intervals(result) for result in results]


def _show(output: Output, results: "list[Verification]", known: "list[Confidence] | None") -> None:
    """The table, with intervals where they are known."""
    documents = [result.to_json() for result in results]
    for document, (intervals, kind) in zip(documents, known or [], strict=False):
        document["intervals"] = {name: asdict(interval) for name, interval in intervals.items()}
        document["interval_kind"] = kind
    columns = ("benchmark", "model", "flip", "pairs", "protocol", "accuracy", "TAR@FAR 1e-2", "1e-3", "EER", "AUC")
    rows = [
        (
            result.benchmark,
            result.model,
            result.flip,
            str(result.metrics.num_pairs),
            result.metrics.protocol,
            f"{percent(result.metrics.accuracy)} ± {100 * result.metrics.accuracy_std:.2f}"
            + _between(intervals.get("accuracy"), 100, 2),
            percent(result.metrics.tar_at_far["1e-2"]) + _between(intervals.get("tar_at_far_1e-2"), 100, 2),
            percent(result.metrics.tar_at_far["1e-3"]) + _between(intervals.get("tar_at_far_1e-3"), 100, 2),
            percent(result.metrics.eer) + _between(intervals.get("eer"), 100, 2),
            f"{result.metrics.auc:.4f}" + _between(intervals.get("auc"), 1, 4),
            f"{result.metrics.threshold:.3f}",
        )
        for result, (intervals, _) in zip(results, known or [({}, "")] * len(results), strict=True)
    ]
    output.table(documents[0] if len(documents) == 1 else {"results": documents}, (*columns, "threshold"), rows)
    if known:
        output.say(f"in brackets: 95 % intervals, {known[0][1]}")


def _between(interval: "Interval | None", factor: int, digits: int) -> str:
    if interval is None:
        return ""
    return f" [{factor * interval.low:.{digits}f}, {factor * interval.high:.{digits}f}]"


def _write_report(
    report: Path,
    results: "list[Verification]",
    known: "list[Confidence]",
    quality: Path | None,
    output: Output,
    *,
    overwrite: bool,
) -> None:
    from femb_cli.evaluation.report.write import write_report
    from femb_cli.inference.verify_extras import report_contents

    extras = [report_contents(result, confidence, quality) for result, confidence in zip(results, known, strict=True)]
    command = shlex.join(["femb", *sys.argv[1:]])
    write_report(report, results, extras, command=command, overwrite=overwrite)
    output.say(f"report: {report / 'report.html'}")


def _verify_templates(
    directory: Path, embeddings: Path, ijb_mode: str | None, fnmr_limit: FnmrLimit | None, output: Output
) -> None:
    """Verify templates from stored embeddings, and show the official rates beside the exact ones."""
    from femb_cli.evaluation.templates.features import TemplateMode
    from femb_cli.evaluation.templates.verify import verify_templates

    mode = None if ijb_mode is None else TemplateMode.parse(ijb_mode)
    result = verify_templates(directory, embeddings, mode)
    _warn(output, [result])
    metrics = result.metrics
    columns = (f"{result.benchmark}, {metrics.mode}", *metrics.official_tpr_at_fpr)
    rows = [
        ("TPR at the nearest FPR", *(percent(rate) for rate in metrics.official_tpr_at_fpr.values())),
        ("TAR at FAR", *(percent(rate) for rate in metrics.tar_at_far.values())),
    ]
    output.table(result.to_json(), columns, rows)
    end_if_missed([] if fnmr_limit is None else missed_fnmr([result], fnmr_limit), output)
