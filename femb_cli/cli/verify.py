"""`femb verify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from femb_cli.cli import options
from femb_cli.cli.gates import FnmrLimit, check_accuracy, end_if_missed, missed_accuracy, missed_fnmr
from femb_cli.cli.given_paths import refuse_missing
from femb_cli.cli.model_names import named_paths, refuse_one_name
from femb_cli.cli.output import Output
from femb_cli.cli.qualities import check_qualities, read_qualities
from femb_cli.cli.score_sources import EmbeddingsFile, GivenScores, Images, ScoreSource, score_all
from femb_cli.cli.scores import (
    column_choices,
    read_lists,
    read_score_files,
    read_scores_of_list,
    say_notes,
    with_figures,
)
from femb_cli.cli.stored_thresholds import check_impostors, check_model, check_rates, store
from femb_cli.cli.suite import add_results, check_leaderboard, suite_benchmarks
from femb_cli.cli.templates_input import TemplateRequest
from femb_cli.cli.verification_output import show_templates, show_verifications
from femb_cli.cli.verify_plan import refuse_one_kind
from femb_cli.cli.verify_usage import check_usage, operating_rates
from femb_cli.errors import UsageError

if TYPE_CHECKING:
    from femb_cli.evaluation.verification.pairs import PairList
    from femb_cli.evaluation.verification.result import ScoredPairs

Protocol = Literal["arcface", "xqlfw", "magface", "magface-no-mean", "exact"]


def verify(
    context: typer.Context,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset",
            metavar="NAME",
            help="A name of femb list benchmarks, a benchmark directory or a .bin; repeatable. Default: xqlfw.",
        ),
    ] = None,
    suite: Annotated[
        bool,
        typer.Option("--suite", help="Those of LFW, CFP-FP, AgeDB-30, CALFW, CPLFW, XQLFW that are here; with means."),
    ] = False,
    leaderboard: Annotated[
        Path | None,
        typer.Option("--leaderboard", metavar="FILE", help="The leaderboard: CSV (--suite: runs/leaderboard.csv)."),
    ] = None,
    pairs: Annotated[
        list[Path] | None,
        typer.Option(
            "--pairs",
            metavar="FILE",
            help="Your own list: LFW's, or a table of two images and a flag; repeatable.",
        ),
    ] = None,
    images: options.ImagesOfPairs = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="ROLE=COLUMN",
            help="Columns of --pairs or --scores: ref=img1,mated=4.",
        ),
    ] = None,
    on_missing: Annotated[
        Literal["error", "nan"] | None,
        typer.Option("--on-missing", help="nan: leave out and count the pairs of missing images."),
    ] = None,
    scores: Annotated[
        list[str] | None,
        typer.Option(
            "--scores",
            rich_help_panel="Scores",
            metavar="[NAME=]FILE",
            help="Other programs' scores, also of --pairs; repeatable.",
        ),
    ] = None,
    impostor_scores: Annotated[
        Path | None,
        typer.Option(
            "--impostor-scores",
            rich_help_panel="Scores",
            metavar="FILE",
            help="The impostor scores, if --scores are genuine ones.",
        ),
    ] = None,
    distances: Annotated[
        bool,
        typer.Option(
            "--distances", rich_help_panel="Scores", help="The scores are distances: a small one means alike."
        ),
    ] = False,
    write_scores: Annotated[
        Path | None,
        typer.Option(
            "--write-scores",
            rich_help_panel="Scores",
            metavar="FILE",
            help="Write ref;probe;mated;score for each pair.",
        ),
    ] = None,
    embeddings: Annotated[
        Path | None,
        typer.Option("--embeddings", metavar="FILE", help="A file that femb embed wrote, instead of images."),
    ] = None,
    templates: Annotated[
        Path | None,
        typer.Option(
            "--templates",
            rich_help_panel="Templates",
            metavar="DIR",
            help="IJB-B or IJB-C: its lists and loose crops.",
        ),
    ] = None,
    ijb_mode: Annotated[
        str | None,
        typer.Option(
            "--ijb-mode",
            rich_help_panel="Templates",
            metavar="NxDxFx",
            help="Norm, detector, flip: N1D1F1 adds the halves of a row, N1D1 takes whole rows. Default: N1D1 if"
            " femb embed wrote them, else N1D1F1.",
        ),
    ] = None,
    model: options.Models = None,
    data_dir: options.DataDir = None,
    flip: options.FlipAsModel = None,
    protocol: Annotated[
        Protocol | None,
        typer.Option("--protocol", help="How accuracy is measured. Default: the benchmark's protocol, else arcface."),
    ] = None,
    align: options.Align = "auto",
    faces: options.OneFace = "main",
    detector: options.Detector = "mtcnn",
    batch_size: options.BatchSize = None,
    exact: options.Exact = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", rich_help_panel="Figures", metavar="DIR", help="Write an HTML page, figures, tables for papers."
        ),
    ] = None,
    quality: Annotated[
        list[Path] | None,
        typer.Option(
            "--quality",
            rich_help_panel="Figures",
            metavar="FILE",
            help="CSV of the images' quality: one, or one a model.",
        ),
    ] = None,
    fmr: Annotated[list[float] | None, options.fmr("; repeatable.", panel="Figures")] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", rich_help_panel="Figures", help="Add 95 % intervals; a report has them.")
    ] = False,
    wide: Annotated[
        bool, typer.Option("--wide", rich_help_panel="Figures", help="Show all figures, in rows beyond 80 columns.")
    ] = False,
    use_cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Keep and reuse embeddings.")] = True,
    min_accuracy: Annotated[
        float | None,
        typer.Option(
            "--min-accuracy", rich_help_panel="Figures", help="End with exit code 1 below this accuracy (0.995)."
        ),
    ] = None,
    max_fnmr: Annotated[
        str | None,
        typer.Option(
            "--max-fnmr",
            rich_help_panel="Figures",
            metavar="X[@FMR]",
            help="End with exit code 1 above this FNMR at that FMR (0.05@1e-3).",
        ),
    ] = None,
    store_threshold: Annotated[
        list[float] | None,
        typer.Option(
            "--store-threshold",
            rich_help_panel="Figures",
            metavar="RATE",
            help="Store the threshold at this FMR (1e-3) in the model's card, for femb compare; repeatable.",
        ),
    ] = None,
    processes: options.Processes = None,
    gpus: options.Gpus = None,
    device: options.Device = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Verify models on pairs: accuracy, TAR at FAR, FNMR at FMR, EER, AUC.

    \b
    Examples:
      femb verify --dataset xqlfw
      femb verify --dataset cfp_fp --dataset agedb_30 --data-dir faces_emore/
      femb verify --suite --data-dir faces_emore/ --model small=a --model large=b --report report/
      femb verify --pairs pairs.csv --images photos/ --fmr 1e-3 --fmr 1e-4 --intervals --report report/
      femb verify --pairs pairs.txt --embeddings embeddings.npy --protocol exact --max-fnmr 0.05@1e-3
      femb verify --pairs pairs.csv --images photos/ --on-missing nan --write-scores scores.csv
      femb verify --pairs pairs.csv --images photos/ --model a --scores vendor=vendor.csv --report report/
      femb verify --scores genuine.txt --impostor-scores impostor.txt --distances
      femb verify --templates IJBC --model a
      femb verify --dataset lfw --model a --store-threshold 1e-3
    """
    from femb_cli.files import refuse_existing

    output = Output(json=json, quiet=quiet)
    check_usage({name for name, value in context.params.items() if value not in (None, (), [], False)})
    fnmr_limit = None if max_fnmr is None else FnmrLimit.parse(max_fnmr)
    check_accuracy(min_accuracy)
    rates = operating_rates(fmr)
    models, score_files = named_paths(model, "--model"), named_paths(scores, "--scores")
    refuse_one_name([*models, *score_files], "--scores")
    paths = [each.path for each in models]
    if templates is not None:
        request = TemplateRequest(templates, embeddings, images, ijb_mode, flip, processes, gpus)
        if embeddings is None:
            output.load_libraries()
        if dry_run:
            output.plan([request.describe(paths, device, use_cache=use_cache)], {})
            return
        result = request.verify(paths, device, output, batch_size=batch_size, exact=exact, use_cache=use_cache)
        if result is not None:
            show_templates(output, result)
            end_if_missed(missed_fnmr([result], fnmr_limit, output), output)
        return
    check_rates(store_threshold, models=paths, datasets=[*(dataset or ()), *map(str, pairs or ())])
    for path in (report, write_scores):
        if path is not None:
            refuse_existing(path, overwrite=overwrite)
    leaderboard = check_leaderboard(leaderboard, suite=suite)
    if suite:
        dataset = suite_benchmarks(data_dir, output)
    num_processes = processes or gpus or 1
    if num_processes > 1 and not use_cache:
        raise UsageError("--no-cache needs one process", hint="several processes share embeddings through the cache")
    measured = None
    allow_missing = on_missing == "nan"
    num_models = len(score_files) + (len(models) or int(images is not None or embeddings is not None or not scores))
    if write_scores is not None and max(num_models, len(dataset or ())) > 1:
        raise UsageError("--write-scores takes one model and one list", hint="call femb verify once for each")
    qualities = read_qualities(quality, num_models=num_models)

    def check(pairs: "PairList") -> None:
        say_notes([pairs], output)
        if write_scores is None:
            refuse_one_kind(pairs)
        check_impostors(pairs, store_threshold)
        if not allow_missing:
            check_qualities(pairs, qualities)

    if scores and pairs and protocol is None and (images is not None or embeddings is not None):
        protocol = "exact"
        output.say("accuracy by the protocol exact, which fits scores of all programs (--protocol names another)")
    of_pairs, of_scores = column_choices(columns, has_both=bool(pairs and scores))
    sources: list[ScoreSource] = []
    given: list[ScoredPairs] = []
    if pairs and (scores or embeddings is not None):
        joined = read_lists(pairs, of_pairs)
        if images is None:
            check(joined)
        if embeddings is not None:
            sources.append(EmbeddingsFile(joined, embeddings, protocol, allow_missing))
        if scores:
            given = read_scores_of_list(
                score_files,
                joined,
                of_scores,
                protocol,
                output,
                are_distances=distances,
                allow_missing=allow_missing,
            )
    elif scores:
        given = read_score_files(score_files, impostor_scores, of_scores, protocol, output, are_distances=distances)
    if images is not None or not (sources or given):
        refuse_missing(filter(None, [images]))
        output.load_libraries()
        from femb_cli.checkpoints.runs import runs_folder
        from femb_cli.evaluation.verification.benchmarks import DEFAULT_BENCHMARK
        from femb_cli.inference.align import Alignment
        from femb_cli.inference.verify_job import VerifyJob
        from femb_cli.runtime.devices import check_devices

        job = VerifyJob(
            datasets=tuple(dataset or (DEFAULT_BENCHMARK,)),
            pairs=tuple(pairs or ()),
            images=images,
            data_dir=data_dir,
            models=tuple(paths),
            labels=tuple(each.name for each in models),
            runs=runs_folder(),
            protocol=protocol,
            alignment=Alignment(align, faces, detector),
            flip=flip,
            batch_size=batch_size,
            exact=exact,
            use_cache=use_cache,
            device=device,
            columns=of_pairs,
            allow_missing=allow_missing,
        )
        if store_threshold:
            measured = check_model(job, store_threshold, overwrite=overwrite)
        check_devices(num_processes, gpus, device)
        job.check()
        sources.append(Images(job, num_processes, output, check))
    if given:
        sources.append(GivenScores(given, needs_figures=write_scores is None))
    if dry_run:
        writes = {"report": report, "scores": write_scores, "leaderboard": leaderboard}
        output.plan(
            [described for source in sources for described in source.describe()],
            {**writes, "threshold": measured and measured[0]},
        )
        return
    scored = score_all(sources)
    if not scored:
        return
    results = with_figures(scored, write_scores, rates, output, overwrite=overwrite)
    if results:
        show_verifications(
            output,
            results,
            intervals=intervals,
            wide=wide,
            report=report,
            qualities=qualities,
            with_means=suite,
            overwrite=overwrite,
        )
        if leaderboard is not None:
            add_results(leaderboard, results, output)
        if measured is not None and store_threshold:
            store(results[0], *measured, store_threshold, output)
        end_if_missed([*missed_accuracy(results, min_accuracy), *missed_fnmr(results, fnmr_limit, output)], output)
