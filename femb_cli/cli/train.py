"""`femb train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output, format_pairs, percent
from femb_cli.errors import UsageError

if TYPE_CHECKING:
    from femb_cli.training.planning.job import TrainRequest


def train(
    config: Annotated[
        str | None,
        typer.Argument(help="YAML file, or a name from femb list configs. Default: quickstart.", show_default=False),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DIR", help="Training set, such as the output of femb convert; or synthetic."),
    ] = None,
    label: options.Label = None,
    person_folder: options.PersonFolder = None,
    header: Annotated[
        str | None, typer.Option("--header", help="Header: arcface, magface ...", autocompletion=options.header_names)
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option("--backbone", help="Backbone: iresnet50, mbf ...", autocompletion=options.backbone_names),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option("--init", metavar="MODEL", help="Run or checkpoint whose backbone and weights to start from."),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Length of the run in steps.")] = None,
    epochs: Annotated[float | None, typer.Option("--epochs", help="Length of the run in passes over the data.")] = None,
    batch_size: options.WholeBatchSize = None,
    lr: Annotated[float | None, typer.Option("--lr", help="Peak learning rate.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of weights, order of images and augmentation.")
    ] = None,
    processes: options.Processes = None,
    gpus: options.Gpus = None,
    out: Annotated[Path | None, options.out("the run. Default: a new one under runs/.", metavar="RUN")] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="[RUN]", help="Continue what was interrupted: RUN, or else the newest unfinished one."
        ),
    ] = None,
    settings: options.Settings = None,
    data_dir: options.DataDir = None,
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
    if None not in (steps, epochs):
        raise UsageError("--steps and --epochs exclude each other", hint="each of them is the length of the run")
    chosen = {
        **_data_settings(data),
        "data.label": label,
        "data.person_folder": person_folder,
        "header": header,
        "backbone": backbone,
        "init.checkpoint": None if init is None else str(init),
        "steps": steps,
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer.lr": lr,
        "seed": seed,
    }
    request = TrainRequest(
        config=config,
        overrides={key: value for key, value in chosen.items() if value is not None},
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


def _data_settings(data: str | None) -> dict[str, str | None]:
    """Return the settings of `--data`; the columns and folders that a configuration names for its dataset stay."""
    return {"data": data} if data in (None, "synthetic") else {"data": "dataset", "data.path": data}


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
        with interruption_says(NOTHING_SAVED), output.progress("preparing") as progress:
            job = on_main_process(lambda: prepare_run(request, lock, say=output.say, progress=progress), request.device)
        try:
            summary = launch_run(job)
        except Interrupted as interruption:
            message = interruption.message or _what_is_saved(job.run)
            raise Interrupted(interruption.signal_number, message) from None
    if summary is not None:
        _report(output, summary, uses_newest=request.out is None and request.resume in (None, "newest"))


def _what_is_saved(run: Path) -> str:
    """Describe an interruption that came before the first or after the last step of a training."""
    from femb_cli.checkpoints.runs import run_checkpoints
    from femb_cli.runtime.signals import NOTHING_SAVED

    checkpoints = run_checkpoints(run)
    if not checkpoints:
        return f"{NOTHING_SAVED}; femb train --resume {run} starts it again"
    return f"interrupted; {checkpoints[-1]} is saved, femb train --resume {run} continues from it"


def _report(output: Output, summary: dict[str, Any], *, uses_newest: bool) -> None:
    """Print the summary of a finished run and the commands to run next.

    Args:
        output: of the command.
        summary: what `launch_run` returns.
        uses_newest: whether other commands use this run by default, so that they do not need its path.
    """
    run, verification = summary["run"], summary["verification"]
    results = [] if verification is None else verification.get("results", [verification])
    loss = "not known" if summary["loss"] is None else f"{summary['loss']:.4f}"
    lines = {"run": run, "steps": summary["steps"], "loss": loss, "seconds": summary["seconds"]}
    if summary["images_per_second"] is not None:
        lines["speed"] = (
            f"{summary['images_per_second']:.0f} images/s, {100 * summary['data_wait_share']:.0f} % of the time waiting"
            f" for data, {summary['peak_memory_gb']:.1f} GB of memory"
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
    model = "" if uses_newest else f" --model {run}"
    pairs = f"--dataset {results[0]['benchmark'] if results else 'xqlfw'}"
    if held_out := summary["held_out"]:
        pairs = f"--pairs {held_out['pairs']} --images {held_out['images']}"
    samples = f"{run}/samples" if summary["samples"] else "images/"
    export_model = "" if uses_newest else f" {run}"
    output.next(
        f"femb verify {pairs}{model}",
        f"femb embed {samples} -o embeddings.npy{model}",
        f"femb export{export_model} -o model.safetensors",
    )
