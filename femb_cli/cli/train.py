"""`femb train`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output, format_pairs


def train(
    config: Annotated[
        str | None,
        typer.Argument(help="YAML file, or a name from femb list configs. Default: quickstart.", show_default=False),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="DIR", help="Training set (femb convert makes one), or synthetic.")
    ] = None,
    header: Annotated[
        str | None, typer.Option("--header", help="arcface, magface ...", autocompletion=options.header_names)
    ] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", help="iresnet50, mbf ...", autocompletion=options.backbone_names)
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option("--init", metavar="MODEL", help="Run or checkpoint to start from: its backbone and weights."),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Length of the run in steps ...")] = None,
    epochs: Annotated[float | None, typer.Option("--epochs", help="... or in passes over the data.")] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", help="Images in a step, all processes together.")
    ] = None,
    lr: Annotated[float | None, typer.Option("--lr", help="Highest learning rate.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of weights, order and augmentation.")] = None,
    processes: options.Processes = None,
    gpus: options.Gpus = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The run's folder. Default: a new one under runs/.")
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="[RUN]", help="Go on with a run; without RUN, the newest unfinished."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any setting of femb config, for example header.margin=0.4."),
    ] = None,
    data_dir: options.DataDir = None,
    device: options.Device = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a network: a face dataset in, a run with checkpoints, metrics and plots out.

    Without arguments it trains a small network on procedural faces, in about a minute on a laptop.

    \b
    Examples:
      femb train
      femb train --header magface
      femb train --data lfw_dev --steps 500 --batch-size 64
      femb train --init magface_r50 --header magface --data my_people --lr 1e-3
      femb train arcface_r50_ms1mv3 --data ms1mv3 --gpus 4
    """
    from femb_cli.runtime.launch import on_main_process
    from femb_cli.training.job import TrainRequest
    from femb_cli.training.session import describe, launch_run, prepare_run

    output = Output(json=json, quiet=quiet)
    chosen = {
        "data": {"name": "dataset", "path": data} if data not in (None, "synthetic") else data,
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
        processes=processes or gpus or 1,
        gpus=gpus,
        out=out,
        resume=resume,
        data_dir=data_dir,
        device=device,
        overwrite=overwrite,
    )
    if dry_run:
        plan = describe(request)
        output.result(plan, plan["config"] + "\n" + format_pairs({k: v for k, v in plan.items() if k != "config"}))
        return
    output.load_libraries()
    with output.progress("drawing faces") as progress:
        job = on_main_process(lambda: prepare_run(request, say=output.say, progress=progress), device)
    try:
        summary = launch_run(job)
    except KeyboardInterrupt:
        output.say(f"\ninterrupted; go on with: femb train --resume {job.run}")
        raise typer.Exit(130) from None
    if summary is not None:
        _report(output, summary, uses_newest=out is None)


def _report(output: Output, summary: dict[str, Any], *, uses_newest: bool) -> None:
    from femb_cli.cli.output import percent

    run, verification = summary["run"], summary["verification"]
    results = [] if verification is None else verification.get("results", [verification])
    lines = {"run": run, "steps": summary["steps"], "loss": f"{summary['loss']:.4f}", "seconds": summary["seconds"]}
    lines |= {
        item["benchmark"]: f"{percent(item['accuracy'])} of pairs right (eer {percent(item['eer'])})"
        for item in results
    }
    output.result(summary, format_pairs(lines))
    model = "" if uses_newest else f" --model {run}"
    benchmark = results[0]["benchmark"] if results else "xqlfw"
    samples = f"{run}/samples" if summary["samples"] else "images/"
    export_model = "" if uses_newest else f" {run}"
    output.next(
        f"femb verify --dataset {benchmark}{model}",
        f"femb embed {samples} -o embeddings.npy{model}",
        f"femb export{export_model} -o model.safetensors",
    )
