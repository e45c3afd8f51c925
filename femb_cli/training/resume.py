"""Find the run and the checkpoint that a training goes on from, and refuse what would make another experiment of it.

Nothing is written here: a refused resume leaves the run as it is.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from femb_cli.checkpoints.checksums import find_damage
from femb_cli.checkpoints.runs import (
    CHECKPOINTS,
    CLASSIFIER,
    CONFIG,
    MODEL,
    OPTIMIZER,
    PROGRESS,
    RUN_SUMMARY,
    STATE,
    checkpoint_folders,
    is_run,
    read_config,
    runs_folder,
)
from femb_cli.config.load import to_tree
from femb_cli.config.schema import TrainConfig
from femb_cli.errors import FembError, UsageError
from femb_cli.progress import Say
from femb_cli.training.plan import Plan
from femb_cli.training.progress_file import read_progress
from femb_cli.training.run_directory import DAMAGED, RunLock, read_info

logger = logging.getLogger("femb")

MAY_CHANGE = (
    ("steps", "a run may become longer or shorter; its schedule then has the new length"),
    ("epochs", "as steps"),
    ("log_every", "the log changes no weight"),
    ("checkpoint.", "checkpoints change no weight"),
    ("validation.", "verification changes no weight"),
    ("workers", "the number of threads changes neither the images nor their order"),
    ("data.path", "a training set may be moved, if its checksum shows that it is the same one"),
)
"""The settings that a resumed run may change, by the beginning of their key, and why. All others are the experiment."""


# ---- The run


def run_to_resume(name: str) -> Path:
    """Return the run that `--resume NAME` means; `newest`: the newest unfinished one that can go on.

    Raises:
        FembError: there is none.
    """
    if name == "newest":
        return newest_unfinished_run()
    if not is_run(Path(name)):
        raise FembError(
            f"{name} is not a run: it has no {CONFIG} and {CHECKPOINTS}/",
            hint="if it was killed while it was made: femb train --out RUN --overwrite makes it anew",
        )
    return Path(name)


def newest_unfinished_run() -> Path:
    """Return the newest run under `runs_folder()` that is not finished and can go on.

    Raises:
        FembError: there is none.
    """
    runs = [run for run in runs_folder().glob("[!.]*") if is_run(run) and not (run / RUN_SUMMARY).exists()]
    obstacles: list[str] = []
    for run in sorted(runs, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        if (obstacle := _find_obstacle(run)) is None:
            for text in obstacles:
                logger.warning(f"{text}: resuming {run}")
            return run
        obstacles.append(obstacle)
    raise FembError(
        f"no unfinished run under {runs_folder()} to resume{''.join(f'; {obstacle}' for obstacle in obstacles)}",
        hint="name one: femb train --resume RUN",
    )


def _find_obstacle(run: Path) -> str | None:
    """Return why a run cannot go on, as far as that is quickly known."""
    try:
        read_config(run)
        with RunLock() as lock:
            lock.take(run)
    except (FembError, OSError) as error:
        return str(error)
    return None


# ---- The checkpoint


def sound_checkpoint(run: Path, say: Say) -> Path | None:
    """Return the newest checkpoint of a run that training can go on from; None if the run has saved none yet.

    Every file of the checkpoint is read and compared with its checksum.

    Raises:
        FembError: the run has checkpoints, and all of them are damaged.
    """
    damages: list[str] = []
    for checkpoint in reversed(checkpoint_folders(run)):
        if (damage := _find_damage(checkpoint)) is None:
            for text in damages:
                say(f"{text}; going on from {checkpoint.name}, and renaming it to *{DAMAGED}")
            return checkpoint
        damages.append(f"{checkpoint} is damaged: {damage}")
    if damages:
        raise FembError(
            f"the run {run} has no checkpoint to go on from: {'; '.join(damages)}",
            hint="start a new run; --init MODEL takes the weights of a checkpoint whose network is whole",
        )
    return None


def _find_damage(checkpoint: Path) -> str | None:
    for name in (MODEL, CLASSIFIER, f"{STATE}/{OPTIMIZER}", f"{STATE}/{PROGRESS}"):
        if not (checkpoint / name).is_file():
            return f"{name} is missing"
    if damage := find_damage(checkpoint):
        return damage
    try:
        read_progress(checkpoint)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def check_steps_left(run: Path, plan: Plan, step: int) -> None:
    """Refuse to resume a run that is finished, or that has done more steps than it is to have.

    A run that has done all its steps but has no summary was killed before it could write it, and goes on to do so.
    """
    if step > plan.steps:
        raise UsageError(
            f"the run {run} has done {step} steps already: it cannot end after {plan.steps}",
            hint=f"--steps {step} ends it where it is",
        )
    if step == plan.steps and (run / RUN_SUMMARY).exists():
        raise FembError(
            f"the run {run} has finished its {plan.steps} steps", hint=f"--steps {2 * plan.steps} trains it further"
        )


# ---- The experiment


def check_same_experiment(run: Path, config: TrainConfig, info: Mapping[str, Any] | None, plan: Plan, say: Say) -> None:
    """Refuse settings and a training set that are not those of the run; say which permitted settings differ.

    Args:
        run: the run that is resumed.
        config: its configuration with the settings of this command.
        info: what the resumed run will train on, as `read_info` returns it; None if that is not known.
        plan: the size of the resumed run.
        say: prints one line for each permitted difference.

    Raises:
        UsageError: the differences make it another experiment; the message lists them.
    """
    own, stored = read_config(run), read_info(run)
    changes = _changes(_flatten(to_tree(own)), _flatten(to_tree(config)))
    data = {} if stored is None or info is None else _changes(stored["data"], info["data"])
    refused = {key: change for key, change in changes.items() if not _may_change(key)}
    if "data.path" in changes and (stored is None or stored["data"].get("images_xxh3_128") is None):
        refused["data.path"] = changes["data.path"]
    if refused or data:
        raise UsageError(
            f"--resume goes on with the experiment of {run}, but {_list({**refused, **_in_words(data)})}",
            hint=f"start a new run without --resume; --init {run} takes its weights",
        )
    if changes:
        follows_length = config.schedule.name != "constant" or config.schedule.warmup > 0
        stretched = {"steps", "epochs"} & changes.keys() and follows_length
        say(
            f"resuming {run} with {_list(changes)}"
            + (f"; the learning rate follows the schedule of {plan.steps} steps" if stretched else "")
        )
    if info is not None:
        _say_what_computes(run, config, stored, info, say)


def _say_what_computes(
    run: Path, config: TrainConfig, stored: Mapping[str, Any] | None, info: Mapping[str, Any], say: Say
) -> None:
    """Say how the processes and the device differ from those that the run has had."""
    if stored is None:
        say(f"{run} is of an older femb: whether its training set and its processes are the same is not known")
        return
    if stored["processes"] != info["processes"]:
        change = f"{run} has had {_count(stored['processes'])} and goes on with {_count(info['processes'])}"
        if config.sync_batch_norm:
            say(f"{change}: batch norm is over all of them, so the numbers change by rounding (and by dropout)")
        else:
            say(
                f"{change}: each normalises its own part of the batch, so the numbers change"
                " (not in a new run with --set sync_batch_norm=true)"
            )
    if stored["device"] != info["device"]:
        say(f"{run} goes on on {info['device']} instead of {stored['device']}: the numbers change by rounding")


def _count(processes: int) -> str:
    return f"{processes} process{'es' if processes > 1 else ''}"


def _may_change(key: str) -> bool:
    return any(key.startswith(start) if start.endswith(".") else key == start for start, _ in MAY_CHANGE)


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return all values of a tree by their key path."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Describe by key the values that differ, `old -> new`; of a section with another name, only the name."""
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    renamed = {key.removesuffix(".name") for key in keys if key.endswith(".name")}
    keys = [key for key in keys if key.endswith(".name") or key.rpartition(".")[0] not in renamed]
    return {key: f"{json.dumps(old.get(key))} -> {json.dumps(new.get(key))}" for key in keys}


def _in_words(data: Mapping[str, str]) -> dict[str, str]:
    """Describe what differs between two training sets; checksums say nothing to people."""
    checksums = {"labels_xxh3_128": ("labels or names", "differ"), "images_xxh3_128": ("images", "differ")}
    named = (checksums.get(key, (key, change)) for key, change in data.items())
    return {f"the training set's {name}": change for name, change in named}


def _list(changes: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {change}" for key, change in changes.items())
