"""`femb verify`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output
from femb_cli.errors import UsageError

if TYPE_CHECKING:
    from femb_cli.inference.verify import PairSet, Verification


class Flip(StrEnum):
    """How mirror images are used."""

    none = "none"
    sum = "sum"


def verify(
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset",
            help="xqlfw, lfw, lfw-dev, synthetic, or a benchmark directory; repeatable. Default: xqlfw.",
            autocompletion=options.benchmark_names,
        ),
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="A pair list of your own: LFW's format, or CSV ref,probe,mated.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder, zip or data set with the pairs' images.")
    ] = None,
    embeddings: Annotated[
        Path | None, typer.Option("--embeddings", help="What femb embed wrote, instead of images.")
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
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images at a time.")] = 64,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Write a page with curves, and the figures.")
    ] = None,
    min_accuracy: Annotated[
        float | None, typer.Option("--min-accuracy", help="End with exit code 1 below this accuracy (0.995).")
    ] = None,
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
      femb verify --dataset benchmarks/cfp_fp
      femb verify --pairs pairs.csv --images photos/ --report report/
      femb verify --pairs pairs.txt --embeddings embeddings.npy
    """
    from femb_cli.evaluation.benchmarks import DEFAULT_BENCHMARK
    from femb_cli.files import refuse_existing
    from femb_cli.inference.verify import open_benchmark, open_pairs, verify_embeddings

    output = Output(json=json, quiet=quiet)
    _check_usage(dataset, pairs, images, embeddings, model)
    if report is not None:
        refuse_existing(report, overwrite=overwrite)
    output.load_libraries()
    if pairs is not None and embeddings is not None:
        results = [verify_embeddings(pairs, embeddings)]
    else:
        with output.progress("preparing") as progress:
            pair_sets = (
                [open_pairs(pairs, images)]
                if pairs is not None and images is not None
                else [
                    open_benchmark(name, data_dir, say=output.say, progress=progress)
                    for name in dataset or [DEFAULT_BENCHMARK]
                ]
            )
        results = _verify_models(pair_sets, model, flip, batch_size, device, output)
    _show(output, results)
    if report is not None:
        from femb_cli.evaluation.report import write_report

        write_report(report, results, overwrite=overwrite)
        output.say(f"report: {report / 'report.html'}")
    _gate(results, min_accuracy, output)


def percent(rate: float) -> str:
    """A rate as people read it."""
    return f"{100 * rate:.2f} %"


def _check_usage(*given: object) -> None:
    dataset, pairs, images, embeddings, model = given
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


def _verify_models(
    pair_sets: "list[PairSet]",
    models: list[Path] | None,
    flip: Flip | None,
    batch_size: int,
    device: str | None,
    output: Output,
) -> "list[Verification]":
    from femb_cli.checkpoints.layout import newest_finished_run
    from femb_cli.inference.embedder import load_embedder
    from femb_cli.inference.verify import verify as verify_pairs
    from femb_cli.training.run import runs_folder

    results = []
    for path in models or [newest_finished_run(runs_folder())]:
        embedder = load_embedder(path, device)
        for pair_set in pair_sets:
            with output.progress(f"{pair_set.name} with {path}") as progress:
                chosen: Literal["none", "sum"] | None = None if flip is None else flip.value
                results.append(verify_pairs(embedder, pair_set, flip=chosen, batch_size=batch_size, progress=progress))
    return results


def _show(output: Output, results: "list[Verification]") -> None:
    documents = [result.to_json() for result in results]
    columns = ("benchmark", "model", "flip", "pairs", "accuracy", "TAR@FAR 1e-2", "1e-3", "EER", "AUC", "threshold")
    rows = [
        (
            result.benchmark,
            result.model,
            result.flip,
            str(result.figures.num_pairs),
            f"{percent(result.figures.accuracy)} ± {100 * result.figures.accuracy_std:.2f}",
            percent(result.figures.tar_at_far["1e-2"]),
            percent(result.figures.tar_at_far["1e-3"]),
            percent(result.figures.eer),
            f"{result.figures.auc:.4f}",
            f"{result.figures.threshold:.3f}",
        )
        for result in results
    ]
    output.table(documents[0] if len(documents) == 1 else {"results": documents}, columns, rows)


def _gate(results: "list[Verification]", min_accuracy: float | None, output: Output) -> None:
    if min_accuracy is None:
        return
    missed = [result for result in results if result.figures.accuracy < min_accuracy]
    for result in missed:
        output.warn(
            f"{result.model} on {result.benchmark}: accuracy {result.figures.accuracy:.4f} is below {min_accuracy}"
        )
    if missed:
        raise typer.Exit(1)
