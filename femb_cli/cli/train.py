"""`femb train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from femb_cli.cli import options
from femb_cli.cli.next_commands import after_training
from femb_cli.cli.output import Output, format_pairs, percent
from femb_cli.cli.train_settings import chosen_settings
from femb_cli.text import per_second

if TYPE_CHECKING:
    from femb_cli.training.planning.job import TrainRequest


def _option(name: str, text: str, *, panel: str = "Training", **more: Any) -> Any:
    """Return an option of a panel of the help."""
    return typer.Option(name, rich_help_panel=panel, help=text, **more)


def train(
    context: typer.Context,
    config: Annotated[
        str | None,
        typer.Argument(
            help="YAML file, or a name from femb list configs. Default: quickstart.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Training set, such as the output of femb convert; or synthetic.",
        ),
    ] = None,
    label: options.Label = None,
    person_folder: options.PersonFolder = None,
    data_dir: options.DataDir = None,
    named_config: Annotated[
        str | None,
        typer.Option("--config", metavar="CONFIG", help="Another spelling of CONFIG."),
    ] = None,
    settings: options.Settings = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="[RUN]",
            help="Continue what was interrupted: RUN, or else the newest unfinished one.",
        ),
    ] = None,
    out: Annotated[Path | None, options.out("the run. Default: a new one under runs/.", metavar="RUN")] = None,
    header: Annotated[
        str | None,
        _option("--header", "Header: arcface, magface ...", panel="Network", metavar="NAME"),
    ] = None,
    backbone: Annotated[
        str | None,
        _option("--backbone", "Backbone: iresnet50, mbf ...", panel="Network", metavar="NAME"),
    ] = None,
    init: Annotated[
        Path | None,
        _option(
            "--init",
            "Run or checkpoint whose backbone and weights to start from.",
            panel="Network",
            metavar="MODEL",
        ),
    ] = None,
    steps: Annotated[int | None, _option("--steps", "Length of the run in steps.")] = None,
    epochs: Annotated[float | None, _option("--epochs", "Length of the run in passes over the data.")] = None,
    batch_size: options.WholeBatchSize = None,
    lr: Annotated[float | None, _option("--lr", "Peak learning rate.")] = None,
    weight_decay: Annotated[float | None, _option("--weight-decay", "Weight decay of the optimizer.")] = None,
    seed: Annotated[int | None, _option("--seed", "Seed of weights, order of images and augmentation.")] = None,
    verify_every: Annotated[
        int | None, _option("--verify-every", "Steps between verifications; 0: only at the end.")
    ] = None,
    save_every: Annotated[int | None, _option("--save-every", "Steps between checkpoints.")] = None,
    log_every: Annotated[int | None, _option("--log-every", "Steps between two lines of the log.")] = None,
    precision: Annotated[
        str | None,
        _option(
            "--precision",
            "Numbers of the backbone.",
            panel="Machine",
            metavar="fp32|tf32|bf16|fp16|fp64",
        ),
    ] = None,
    workers: Annotated[
        int | None, _option("--workers", "Threads of each process that read and decode images.", panel="Machine")
    ] = None,
    processes: options.Processes = None,
    gpus: options.Gpus = None,
    device: options.Device = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a network on a face dataset, into a run: checkpoints, metrics and TensorBoard curves.

    Without arguments, femb trains a small network on drawn faces in about a minute on a laptop.

    \b
    Examples:
      femb train
      femb train --header magface
      femb train --data lfw_dev --steps 500 --batch-size 64
      femb train --init magface_r50 --header magface --data my_people
      femb train arcface_r50_ms1mv3 --data ms1mv3 --gpus 4
    """
    from femb_cli.training.planning.job import TrainRequest

    output = Output(json=json, quiet=quiet)
    request = TrainRequest(
        config=options.one_config(config, named_config),
        overrides=chosen_settings(context.params, settings or ()),
        settings=tuple(settings or ()),
        processes=processes or gpus,
        gpus=gpus,
        out=out,
        resume=resume,
        data_dir=data_dir,
        device=device,
        overwrite=overwrite,
    )
    if dry_run:
        _show_plan(request, output)
    else:
        _train(request, output)


def _show_plan(request: "TrainRequest", output: Output) -> None:
    """Print what a training would do."""
    from femb_cli.training.session import describe

    plan = describe(request, say=output.say)
    output.result(plan, plan["config"] + "\n" + format_pairs({k: v for k, v in plan.items() if k != "config"}))


def _train(request: "TrainRequest", output: Output) -> None:
    """Prepare a run, train, and print the summary."""
    from femb_cli.runtime.launch import on_main_process
    from femb_cli.runtime.signals import NOTHING_SAVED, Interrupted, interruption_says
    from femb_cli.training.run.run_directory import RunLock
    from femb_cli.training.session import launch_run, prepare_run

    output.load_libraries()
    with RunLock() as lock:
        with interruption_says(NOTHING_SAVED):
            job = on_main_process(
                lambda: prepare_run(request, lock, say=output.say, show_progress=output.progress), request.device
            )
        try:
            summary = launch_run(job)
        except Interrupted as interruption:
            message = interruption.message or _what_is_saved(job.run)
            raise Interrupted(interruption.signal_number, message) from None
    if summary is not None:
        uses_newest = request.out is None and request.resume in (None, "newest")
        _report(output, summary, uses_newest=uses_newest, data_dir=request.data_dir)


def _what_is_saved(run: Path) -> str:
    """Describe an interruption that came before the first or after the last step of a training."""
    from femb_cli.checkpoints.runs import run_checkpoints
    from femb_cli.runtime.signals import NOTHING_SAVED

    checkpoints = run_checkpoints(run)
    if not checkpoints:
        return f"{NOTHING_SAVED}; femb train --resume {run} starts it again"
    return f"interrupted; {checkpoints[-1]} is saved, femb train --resume {run} continues from it"


def _report(output: Output, summary: dict[str, Any], *, uses_newest: bool, data_dir: Path | None = None) -> None:
    """Print the summary of a finished run and the commands to run next.

    Args:
        output: of the command.
        summary: what `launch_run` returns.
        uses_newest: whether other commands use this run by default, so that they do not need its path.
        data_dir: where the benchmarks of the run are.
    """
    run, verification = summary["run"], summary["verification"]
    results = [] if verification is None else verification.get("results", [verification])
    loss = "not known" if summary["loss"] is None else f"{summary['loss']:.4f}"
    resumed_from = summary["resumed_from"]
    since = "" if resumed_from is None else f", since it was resumed after step {resumed_from}"
    lines = {"run": run, "steps": summary["steps"], "loss": loss, "seconds": f"{summary['seconds']}{since}"}
    if summary["images_per_second"] is not None:
        lines["speed"] = (
            f"{per_second(summary['images_per_second'])} images/s,"
            f" {100 * summary['data_wait_share']:.0f} % of the time waiting for data,"
            f" {summary['peak_memory_gb']:.1f} GB of memory"
        )
        if summary["mfu"] is not None:
            lines["speed"] += f", {100 * summary['mfu']:.0f} % of the GPU's peak"
    lines |= {
        item["benchmark"]: f"{percent(item['accuracy'])} of pairs right (eer {percent(item['eer'])})"
        for item in results
    }
    if best := summary["best"]:
        lines["best"] = (
            f"{best['benchmark']} {percent(best['accuracy'])} after step {best['step']}: {best['checkpoint']}"
        )
    output.result(summary, format_pairs(lines))
    output.next(*after_training(summary, uses_newest=uses_newest, data_dir=data_dir))
