"""Find the run and the checkpoint that `--resume` continues, and refuse settings or data of another experiment.

Nothing is written here: a refused resume leaves the run as it is.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from femb_cli.checkpoints.checksums import CHECKSUMS, cannot_read, find_damage
from femb_cli.checkpoints.runs import (
    CHECKPOINTS,
    CLASSIFIER,
    CONFIG,
    MODEL,
    OPTIMIZER,
    PROGRESS,
    RUN_INFO,
    RUN_SUMMARY,
    STATE,
    checkpoint_folders,
    is_run,
    read_config,
    runs_folder,
)
from femb_cli.config.load import flatten, to_tree
from femb_cli.config.schema import DatasetConfig, TrainConfig
from femb_cli.errors import FembError, UsageError
from femb_cli.files import exists
from femb_cli.progress import Say, silent
from femb_cli.text import counted
from femb_cli.training.planning.plan import Plan
from femb_cli.training.run.progress_file import read_progress
from femb_cli.training.run.run_directory import DAMAGED, RunLock, is_half_made, read_info, replaced_run

logger = logging.getLogger("femb")

MAY_CHANGE = (
    ("steps", "a run may become longer or shorter; its schedule then has the new length"),
    ("epochs", "as steps"),
    ("log_every", "the log changes no weight"),
    ("checkpoint.", "checkpoints change no weight"),
    ("validation.", "verification changes no weight"),
    ("trackers", "they get the metrics"),
    ("compress_gradients", "it rounds what processes send each other"),
    ("compile", "compiled code rounds differently, and nothing else"),
    ("workers", "the number of threads changes neither the images nor their order"),
    ("data.path", "a training set may be moved, if its numbers and checksums are the same"),
)
"""The settings that a resumed run may change, by the beginning of their key, and why. All others are the experiment."""

FIXED = ("validation.held_out",)
"""Exceptions: who is held out is not trained on."""


# ---- The run


def run_to_resume(name: str) -> Path:
    """Return the run that `--resume NAME` means; `newest`: the newest unfinished one that can go on.

    Raises:
        FembError: there is none.
    """
    if name == "newest":
        return newest_unfinished_run()
    if not is_run(Path(name)):
        raise _not_a_run(Path(name))
    return Path(name)


def _not_a_run(path: Path) -> FembError:
    """Return the error for a path that is no run, with a hint to what may have been meant."""
    if not exists(path):
        if is_run(replaced_run(path)):
            hint = f"the run that was replaced is in {replaced_run(path)}: rename it to {path}"
        elif runs := _runs_in(runs_folder()):
            hint = f"runs: {', '.join(str(run) for run in runs[:5])}"
        else:
            hint = f"femb train --out {path} makes it"
        return FembError(f"no run {path}", hint=hint)
    if runs := _runs_in(path):
        return FembError(f"{path} holds runs, but is none", hint=f"the newest is femb train --resume {runs[0]}")
    if is_run(path.parent.parent):
        return FembError(f"{path} is a part of a run", hint=f"femb train --resume {path.parent.parent}")
    missing = [f"no {CONFIG}"] if not (path / CONFIG).is_file() else []
    missing += [f"no {CHECKPOINTS}/"] if not (path / CHECKPOINTS).is_dir() else []
    remedy = f"femb train --out {path} --overwrite makes it anew" if path.is_dir() and is_half_made(path) else None
    return FembError(f"{path} is not a run: it has {' and '.join(missing)}", hint=remedy)


def _runs_in(folder: Path) -> list[Path]:
    """Return the runs in a directory, newest first."""
    runs = [run for run in folder.glob("[!.]*") if is_run(run)]
    return sorted(runs, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def newest_unfinished_run() -> Path:
    """Return the newest run under `runs_folder()` that is not finished and can go on.

    Raises:
        FembError: there is none.
    """
    obstacles: list[str] = []
    for run in _runs_in(runs_folder()):
        if (run / RUN_SUMMARY).exists():
            continue
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
    """Return why a run cannot go on, apart from its training set."""
    try:
        config = read_config(run)
        read_info(run)
        with RunLock() as lock:
            lock.take(run)
        if sound_checkpoint(run, silent) is None and config.init.checkpoint is not None:
            from femb_cli.checkpoints.store import open_checkpoint  # loads torch, which a dry run does not need

            open_checkpoint(Path(config.init.checkpoint))
    except (FembError, OSError) as error:
        return str(error)
    return None


# ---- The checkpoint


def sound_checkpoint(run: Path, say: Say) -> Path | None:
    """Return the newest checkpoint from which a run can continue; None if the run has saved none yet.

    Every file of the checkpoint is read and compared with its checksum.

    Raises:
        FembError: the run has checkpoints, and all of them are damaged, or the system cannot read one.
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
    required = (MODEL, CLASSIFIER, f"{STATE}/{OPTIMIZER}", f"{STATE}/{PROGRESS}")
    try:
        for name in required:
            if not (checkpoint / name).is_file():
                return f"{name} is missing"
        if damage := find_damage(checkpoint, required=required):
            return damage
        read_progress(checkpoint)
    except ValueError as error:
        return str(error)
    except OSError as error:
        raise cannot_read(checkpoint, error) from error
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


def check_same_experiment(
    run: Path,
    config: TrainConfig,
    info: Mapping[str, Any] | None,
    plan: Plan,
    say: Say,
    checkpoint: Path | None = None,
) -> None:
    """Refuse settings and a training set that are not those of the run; say which permitted settings differ.

    Args:
        run: the run that is resumed.
        config: its configuration with the settings of this command.
        info: what the resumed run will train on, as `read_info` returns it; None if that is not known.
        plan: the size of the resumed run.
        say: prints one line for each permitted difference.
        checkpoint: the checkpoint from which the run continues; its copy of the configuration shows edits.

    Raises:
        UsageError: the differences make it another experiment; the message lists them.
    """
    own, stored = read_config(run), read_info(run)
    changes = _changes(flatten(to_tree(own)), flatten(to_tree(config)))
    data = {} if stored is None or info is None else _changes(stored["data"], info["data"])
    if _same_place(own, config):
        changes.pop("data.path", None)
    refused = {key: change for key, change in changes.items() if not _may_change(key)}
    if "data.path" in changes and stored is None:
        refused["data.path"] = changes["data.path"]
    edited = {} if checkpoint is None else _edited_settings(checkpoint, own, say)
    if refused or data or edited:
        hint = f"start a new run without --resume; --init {run} takes its weights"
        if data:
            hint += f"; {run / RUN_INFO} states the training set of the run"
        if edited:
            hint += f"; {run / CONFIG} was edited: {checkpoint}/{CONFIG} has the settings of the run"
        raise UsageError(
            f"--resume goes on with the experiment of {run}, but {_list({**edited, **refused, **_in_words(data)})}",
            hint=hint,
        )
    if "data.path" in changes and stored is not None and stored["data"].get("images_xxh3_128") is None:
        changes["data.path"] += " (same labels and names; the images themselves are not compared)"
    if changes:
        follows_length = config.schedule.name != "constant" or config.schedule.warmup != 0
        stretched = {"steps", "epochs"} & changes.keys() and follows_length
        say(
            f"resuming {run} with {_list(changes)}"
            + (f"; the learning rate follows the schedule of {plan.steps} steps" if stretched else "")
        )
    if info is not None:
        _say_what_computes(run, config, stored, info, say)


def _same_place(own: TrainConfig, config: TrainConfig) -> bool:
    """Whether two configurations name the same training set, in the same or another way."""
    if not isinstance(own.data, DatasetConfig) or not isinstance(config.data, DatasetConfig):
        return False
    return os.path.realpath(own.data.path) == os.path.realpath(config.data.path)


def _edited_settings(checkpoint: Path, own: TrainConfig, say: Say) -> dict[str, str]:
    """Describe the settings of the experiment that differ between a checkpoint's configuration and its run's."""
    if not (checkpoint / CONFIG).is_file() or not (checkpoint / CHECKSUMS).is_file():
        return {}
    try:
        copy = read_config(checkpoint)
    except FembError as error:
        say(f"the configuration of {checkpoint} is not compared: {error.message}")
        return {}
    changes = _changes(flatten(to_tree(copy)), flatten(to_tree(own)))
    return {key: change for key, change in changes.items() if not _may_change(key)}


def _say_what_computes(
    run: Path, config: TrainConfig, stored: Mapping[str, Any] | None, info: Mapping[str, Any], say: Say
) -> None:
    """Say how the processes and the device differ from those that the run has had."""
    if stored is None:
        say(f"{run} is of an older femb: whether its training set and its processes are the same is not known")
        return
    if stored["processes"] != info["processes"]:
        before, now = (counted(conditions["processes"], "process") for conditions in (stored, info))
        change = f"{run} has had {before} and goes on with {now}"
        if config.sync_batch_norm:
            say(f"{change}: batch norm is over all of them, so the numbers change by rounding")
        else:
            say(
                f"{change}: each normalises its own part of the batch, so the numbers change"
                " (not in a new run with --set sync_batch_norm=true)"
            )
    if stored["device"] != info["device"]:
        say(f"{run} goes on on {info['device']} instead of {stored['device']}: the numbers change by rounding")
    elif info["device"] == "cpu" and stored.get("threads", info["threads"]) != info["threads"]:
        say(
            f"{run} has had {counted(stored['threads'], 'thread')} and goes on with {info['threads']}: the numbers"
            f" change by rounding; OMP_NUM_THREADS={stored['threads']} keeps them"
        )


def _may_change(key: str) -> bool:
    return key not in FIXED and any(
        key.startswith(start) if start.endswith(".") else key == start for start, _ in MAY_CHANGE
    )


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
