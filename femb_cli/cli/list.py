"""`femb list`."""

from typing import Annotated, Literal

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output, format_pairs, percent

Kind = Literal["headers", "backbones", "augmentations", "benchmarks", "configs", "families", "models", "runs"]
MODEL_COLUMNS = ("model", "network", "trained on", "LFW %", "IJB-C %", "femb fetches it", "licence")
RUN_COLUMNS = ("run", "status", "step", "loss", "best", "data", "changed")


def list_entries(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    json: options.Json = False,
) -> None:
    """List headers, backbones, augmentations, benchmarks, configurations, families of weights, models, or your runs.

    Models are networks for photographs that other projects publish; femb convert-checkpoint takes their names.

    \b
    Examples:
      femb list headers
      femb list models
      femb list runs
    """
    if kind == "runs":
        _list_runs(Output(json=json))
        return
    if kind == "models":
        _list_models(Output(json=json))
        return
    entries = _entries(kind)
    document = [{"name": name, "description": text} for name, text in entries.items()]
    Output(json=json).result(document, format_pairs(entries))


def _list_runs(output: Output) -> None:
    """Show the runs of `runs_folder()` in a table, the one that changed last first."""
    from femb_cli.checkpoints.runs import runs_folder
    from femb_cli.training.run.run_status import list_runs

    runs = list_runs(runs_folder())
    if not runs:
        output.say(f"no runs under {runs_folder()}; femb train makes one")
    rows = [
        (
            str(run.run),
            run.status,
            str(run.step) if run.steps is None else f"{run.step}/{run.steps}",
            "" if run.loss is None else f"{run.loss:.3f}",
            "" if run.best is None else f"{run.best.benchmark} {percent(run.best.accuracy)}",
            run.data,
            f"{run.changed.astimezone():%Y-%m-%d %H:%M}",
        )
        for run in runs
    ]
    output.table([run.to_json() for run in runs], RUN_COLUMNS, rows)


def _list_models(output: Output) -> None:
    """Show the published networks in a table, those that femb can fetch first."""
    from femb_cli.checkpoints.official.published import PUBLISHED

    documents = [
        {
            "name": model.name,
            "family": model.family_name,
            "network": model.network,
            "training_data": model.training_data,
            "lfw_accuracy_percent": model.lfw,
            "ijbc_tar_at_far_1e-4_percent": model.ijbc,
            "license": model.family.license,
            "address": model.address,
            "file": model.file,
            "sha256": model.sha256 or None,
            "can_be_fetched": model.can_be_fetched,
            "convert": model.command,
        }
        for model in PUBLISHED.values()
    ]
    rows = [
        (
            *(model.name, model.network, model.training_data),
            *("" if figure is None else f"{figure:.2f}" for figure in (model.lfw, model.ijbc)),
            *("yes" if model.can_be_fetched else "no", model.family.license),
        )
        for model in PUBLISHED.values()
    ]
    output.table(documents, MODEL_COLUMNS, rows)
    output.say("\nfigures as published: accuracy on LFW, TAR at FAR 1e-4 on IJB-C; --json has the addresses")
    output.next("femb convert-checkpoint MODEL DST")


def _entries(kind: Kind) -> dict[str, str]:
    """Name and one-line description of each entry."""
    match kind:
        case "headers":
            from femb_cli.config.schema import HeaderConfig

            return _choices(HeaderConfig)
        case "backbones":
            from femb_cli.config.schema import BackboneConfig

            return _choices(BackboneConfig)
        case "augmentations":
            from femb_cli.config.schema import AugmentConfig

            return _choices(AugmentConfig)
        case "configs":
            from femb_cli.config.load import shipped_configs

            texts = {name: path.read_text(encoding="utf-8") for name, path in shipped_configs().items()}
            ordered = sorted(texts, key=lambda name: _is_published(texts[name]))
            return {name: _first_line(texts[name]) for name in ordered}
        case "families":
            from femb_cli.checkpoints.official import FAMILIES

            return {name: family.repository for name, family in FAMILIES.items()}
        case "benchmarks":
            from femb_cli.evaluation.verification.benchmarks import BENCHMARKS

            return {name: benchmark.title for name, benchmark in BENCHMARKS.items()}
        case "runs" | "models":
            raise AssertionError(f"{kind} are a table")


def _choices(union: object) -> dict[str, str]:
    from femb_cli.config.section import choices

    return {name: _first_line(section.__doc__) for name, section in choices(union).items()}


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].lstrip("# ")


def _is_published(config: str) -> bool:
    """Whether a configuration is a published recipe: these are listed last, because a newcomer needs the others."""
    return "\n# Published:" in config
