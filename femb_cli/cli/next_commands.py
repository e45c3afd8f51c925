"""The commands that the user may want to run next: each of them works with what is on this machine."""

import os
import shlex
from collections.abc import Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

_MOST_ENTRIES = 1000
"""Entries of a folder that are looked at."""


def after_training(summary: Mapping[str, Any], *, uses_newest: bool, data_dir: Path | None = None) -> list[str]:
    """Return what to do with a finished run.

    Args:
        summary: what `launch_run` returns.
        uses_newest: whether other commands use this run by default, so that they do not need its path.
        data_dir: where the benchmarks of the run are; None for the usual places.
    """
    run, held_out = summary["run"], summary["held_out"]
    model = [] if uses_newest else ["--model", run]
    images = f"{run}/samples" if summary["samples"] else held_out["images"] if held_out else ""
    commands = []
    if held_out:
        commands.append(["verify", "--pairs", held_out["pairs"], "--images", held_out["images"], *model])
    elif summary["benchmarks"]:
        commands.append(["verify", "--dataset", summary["benchmarks"][0], *_place(data_dir), *model])
    elif (benchmark := _benchmark_here()) is not None:
        commands.append(["verify", "--dataset", benchmark, *model])
    if images and Path(images).exists():
        commands.append(["embed", images, "-o", _free("embeddings.npy"), *model])
    commands.append(["export", *model[1:], "-o", _free("model.safetensors")])
    return [_written(*command) for command in commands]


def after_alignment(folder: Path) -> list[str]:
    """Return what to do with a folder of aligned faces."""
    if (model := _model_here()) is None:
        return [_written("list", "models")]
    return [_written("embed", folder, "-o", _free(f"{folder}.npy"), *model)]


def after_embedding(path: Path, num_images: int) -> list[str]:
    """Return what to do with a file of embeddings."""
    return [_written("group", path)] if num_images > 1 else [_written("inspect", path)]


def after_benchmarks(paths: list[str]) -> list[str]:
    """Return what to do with benchmarks that were converted."""
    has_model = _has_finished_run()
    return [_written("verify", "--dataset", path) if has_model else _written("inspect", path) for path in paths]


def after_dataset(path: Path, format: str) -> list[str]:
    """Return what to do with a training set that was converted."""
    # Without an owner, the repository is the user's own.
    upload = shlex.join(["hf", "upload", path.resolve().name, str(path), "--repo-type", "dataset"])
    return [_written("train", "--data", path), *([upload] if format == "parquet" else [])]


def after_checkpoint(path: Path) -> list[str]:
    """Return what to do with a checkpoint that was converted."""
    benchmark = _benchmark_here()
    verify = [] if benchmark is None else [_written("verify", "--dataset", benchmark, "--model", path)]
    images = _images_here()
    embed = [] if images is None else [_written("embed", images, "-o", _free(f"{images}.npy"), "--model", path)]
    return [*verify, *(embed or [_written("inspect", path)])]


def after_quantization(model: Path, target: Path) -> list[str]:
    """Return how to compare an 8-bit network with its original; nothing if no benchmark is here."""
    benchmark = _benchmark_here()
    return (
        [] if benchmark is None else [_written("verify", "--dataset", benchmark, "--model", model, "--model", target)]
    )


def _written(*words: object) -> str:
    """Return a command of femb as a shell takes it."""
    return shlex.join(["femb", *map(str, words)])


def _free(name: str) -> str:
    """Return a file name that is not taken: the name, or the name with a number."""
    path, number = Path(name), 2
    while os.path.lexists(path):
        path, number = Path(name).with_stem(f"{Path(name).stem}_{number}"), number + 1
    return str(path)


def _place(data_dir: Path | None) -> list[str]:
    """Return the option that names the benchmarks' files, where the environment does not."""
    named = data_dir is not None and str(data_dir) != os.environ.get("FEMB_DATA_DIR")
    return ["--data-dir", str(data_dir)] if named else []


def _benchmark_here() -> str | None:
    from femb_cli.evaluation.verification.benchmark_files import benchmark_here

    return benchmark_here()


def _model_here() -> list[str] | None:
    """Return the option for a model that is here: none for a finished run, which is the default; None without any."""
    from femb_cli.checkpoints.runs import checkpoints_here

    if _has_finished_run():
        return []
    checkpoints = checkpoints_here()
    return ["--model", str(checkpoints[0])] if checkpoints else None


def _images_here() -> Path | None:
    """Return a folder in the working directory with images, in itself or in its folders; None if there is none."""
    from femb_cli.checkpoints.runs import runs_folder
    from femb_cli.data.files.naming import has_image_ending

    for folder in sorted(path for path in Path().glob("[!.]*") if path.is_dir() and path != runs_folder()):
        files = islice(chain(folder.glob("*"), folder.glob("*/*")), _MOST_ENTRIES)
        if sum(has_image_ending(file.name) for file in files) > 1:
            return folder
    return None


def _has_finished_run() -> bool:
    from femb_cli.checkpoints.runs import newest_finished_run
    from femb_cli.errors import FembError

    try:
        newest_finished_run()
    except FembError:
        return False
    return True
