"""`femb list`."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import fill
from typing import Annotated, Literal, get_args

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output, format_pairs, percent

Kind = Literal["headers", "backbones", "augmentations", "benchmarks", "configs", "families", "models", "runs"]
MODEL_COLUMNS = ("model", "network", "trained on", "LFW %", "IJB-C %", "femb fetches it", "licence")
NARROW_MODEL_COLUMNS = ("model", "LFW %", "IJB-C %", "fetched", "licence")
WIDE = 160
"""Columns of a terminal that shows the whole table of models."""

BACKBONE_COLUMNS = ("backbone", "million parameters", "GFLOPs", "input", "LFW %", "IJB-C %")
BENCHMARK_COLUMNS = ("benchmark", "files", "title")
RUN_COLUMNS = ("run", "status", "step", "loss", "best", "data", "changed")


def list_entries(
    kind: Annotated[
        Kind | None, typer.Argument(help=f"One of {', '.join(get_args(Kind))}. Default: the names of everything.")
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List headers, backbones, augmentations, benchmarks, configurations, families of weights, models, or your runs.

    Models are networks for photographs that other projects publish; femb convert-checkpoint takes their names.

    \b
    Examples:
      femb list
      femb list headers
      femb list models
      femb list runs
    """
    output = Output(json=json, quiet=quiet)
    if kind is None:
        _list_names(output)
    elif kind in _TABLES:
        _TABLES[kind](output)
    else:
        entries = _entries(kind)
        document = [{"name": name, "description": text} for name, text in entries.items()]
        output.result(document, format_pairs(entries))


def _list_names(output: Output) -> None:
    """Show the names of everything, in groups, with what is here of the benchmarks and how far the runs are."""
    from femb_cli.checkpoints.official.published import PUBLISHED
    from femb_cli.checkpoints.runs import runs_folder
    from femb_cli.training.run.run_status import list_runs

    names = {kind: list(_entries(kind)) for kind in get_args(Kind) if kind not in ("models", "runs")}
    names["models"] = list(PUBLISHED)
    runs = list_runs(runs_folder())
    names["runs"] = [str(status.run) for status in runs]
    shown = {
        **names,
        "benchmarks": [f"{name} ({state})" for name, state in _benchmark_files().items()],
        "runs": [f"{status.run} ({status.status})" for status in runs],
    }
    width = max(map(len, names))
    paragraphs = [
        fill(
            ", ".join(some) or "none",
            79,
            initial_indent=kind.ljust(width + 3),
            subsequent_indent=" " * (width + 3),
            break_on_hyphens=False,
        )
        for kind, some in shown.items()
    ]
    output.result(names, "\n".join(paragraphs))
    output.next("femb list headers", "femb list benchmarks", "femb list models")


def _list_backbones(output: Output) -> None:
    """Show the networks with their sizes, and the best published figures of each."""
    output.load_libraries()
    from femb_cli.config.network_sizes import NETWORK_SIZES

    documents, rows = [], []
    for name, description in _entries("backbones").items():
        size = NETWORK_SIZES[name]
        lfw, ijbc = _best_published(name)
        figures = {"lfw_accuracy_percent": lfw, "ijbc_tar_at_far_1e-4_percent": ijbc}
        documents.append({"name": name, "description": description, **size._asdict(), **figures})
        sizes = f"{size.parameters / 1e6:.1f}", f"{size.operations / 1e9:.1f}", str(size.input_size)
        rows.append((name, *sizes, *("" if figure is None else f"{figure:.2f}" for figure in (lfw, ijbc))))
    output.table(documents, BACKBONE_COLUMNS, rows)
    output.say("\nLFW, IJB-C: the best of femb list models; an operation is a multiplication or an addition")


def _best_published(backbone: str) -> tuple[float | None, float | None]:
    """Return the best published figures of a network in percent: accuracy on LFW, TAR at FAR 1e-4 on IJB-C."""
    from femb_cli.checkpoints.official.published import PUBLISHED

    models = [model for model in PUBLISHED.values() if model.network == backbone]
    lfw = max((model.lfw for model in models if model.lfw is not None), default=None)
    return lfw, max((model.ijbc for model in models if model.ijbc is not None), default=None)


def _list_benchmarks(output: Output) -> None:
    """Show the benchmarks, and whether their files are here."""
    from femb_cli.evaluation.verification.benchmarks import BENCHMARKS

    documents, rows = [], []
    for name, source in _benchmark_files().items():
        benchmark = BENCHMARKS[name]
        documents.append({"name": name, "description": benchmark.title, "files": source, "origin": benchmark.origin})
        rows.append((name, source, benchmark.title))
    width = max(len(title) for _, _, title in rows)
    output.table(documents, BENCHMARK_COLUMNS, [(name, source, title.ljust(width)) for name, source, title in rows])
    output.say("\nfiles: looked for in FEMB_DATA_DIR and femb's cache; --json says where missing ones come from")


def _benchmark_files() -> dict[str, str]:
    """Return where the files of each benchmark are, in a word or three."""
    import os

    from femb_cli.evaluation.verification.benchmark_files import is_here
    from femb_cli.evaluation.verification.benchmarks import BENCHMARKS, DRAWN

    given = os.environ.get("FEMB_DATA_DIR")
    folder = Path(given) if given else None

    def files_of(name: str) -> str:
        if is_here(BENCHMARKS[name], folder):
            return "here"
        if name == DRAWN:
            return "drawn by femb"
        return "fetched" if BENCHMARKS[name].url else "missing"

    return {name: files_of(name) for name in BENCHMARKS}


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
    if sys.stdout.isatty() and shutil.get_terminal_size().columns < WIDE:
        narrow = [(row[0], *row[3:6], _short(row[6])) for row in rows]
        output.table(documents, NARROW_MODEL_COLUMNS, narrow)
    else:
        output.table(documents, MODEL_COLUMNS, rows)
    output.say("\nfigures as published: accuracy on LFW, TAR at FAR 1e-4 on IJB-C; --json has everything")
    output.next(next(model.command for model in PUBLISHED.values() if model.can_be_fetched))


def _short(license: str) -> str:
    """Return a licence in few words, such as that of the code; `--json` has all of them."""
    return license.partition(" (")[0].removesuffix(" research")


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


_TABLES: dict[Kind, Callable[[Output], None]] = {
    "backbones": _list_backbones,
    "benchmarks": _list_benchmarks,
    "models": _list_models,
    "runs": _list_runs,
}
"""What is shown in a table; all other kinds have a name and a line of text each."""
