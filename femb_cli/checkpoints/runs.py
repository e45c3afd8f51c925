"""Find and list runs, and name the files in a run's directory. No tensor is read here.

    runs/arcface_iresnet50_ms1mv3_1/
      config.yaml               the resolved configuration
      run.json                  the training set's identity, the processes and the device that the run trains on
      metrics.jsonl             one line per log interval and per verification
      events.out.tfevents.*     the same metrics for TensorBoard
      augmented.jpg             some images of the first batch, as the network sees them
      magnitudes.json           histogram of the magnitudes in the last steps before the newest checkpoint
      held_out.csv              pairs of the people that are not trained on, if any are held out
      samples/                  images of the synthetic benchmark, to try femb embed on (synthetic data only)
      checkpoints/
        step-001000/
          model.safetensors       the backbone, with its card in the header
          classifier.safetensors  the class weights
          people.safetensors      digests of the names of the people that it was trained on, if they have names
          config.yaml             the run's configuration
          state/                  optimizer, step and running means, to continue the training; with `ema`, the
                                  network that is trained, of which model.safetensors is the average
          checksums.json          of all these files, by which damage is noticed
      best                      a link to the checkpoint with the best verification, if there are several
      summary.json              the result, written last: a run that has it is finished
      divergence.json           where the loss stopped being finite, and on which images

A checkpoint outside a run, such as a converted one, is a directory like `step-001000/`; only `model.safetensors` is
required.
"""

import json
import os
import re
import secrets
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

from femb_cli.config.load import dump_config, load_config, read_yaml
from femb_cli.config.schema import DatasetConfig, TrainConfig
from femb_cli.errors import FembError, UsageError
from femb_cli.files import is_only_writer, remove, write_errors, write_text

CONFIG = "config.yaml"
RUN_INFO = "run.json"
METRICS = "metrics.jsonl"
HELD_OUT = "held_out.csv"
RUN_SUMMARY = "summary.json"
DIVERGENCE = "divergence.json"
SAMPLES = "samples"
AUGMENTED = "augmented.jpg"
MAGNITUDES = "magnitudes.json"
CHECKPOINTS = "checkpoints"
BEST = "best"

MODEL = "model.safetensors"
CLASSIFIER = "classifier.safetensors"
PEOPLE = "people.safetensors"
STATE = "state"
OPTIMIZER = "optimizer.pt"
TRAINED = "backbone.safetensors"
PROGRESS = "progress.json"

ADDED_SETTINGS = (
    *("init", "classifier", "sync_batch_norm"),
    *("pixels", "freeze", "micro_batches", "accumulate", "recompute_activations", "compile", "ema"),
    *("trackers", "compress_gradients"),
)
"""Top-level settings that earlier versions of femb did not have, so that an older `config.yaml` lacks them."""


def runs_folder() -> Path:
    """Return the directory of all runs: FEMB_RUNS_DIR, or `runs` in the working directory."""
    return Path(os.environ.get("FEMB_RUNS_DIR") or "runs")


def newest_finished_run(runs: Path | None = None) -> Path:
    """Return the run that finished last: the default model of every command.

    Args:
        runs: the directory of all runs; None for `runs_folder()`.

    Raises:
        FembError: no run has finished.
    """
    runs = runs_folder() if runs is None else runs
    finished = [summary for summary in runs.glob(f"[!.]*/{RUN_SUMMARY}") if run_checkpoints(summary.parent)]
    if not finished:
        raise FembError(f"no finished run under {_with_slash(runs)}", hint=_how_to_get_a_run(runs))
    return max(finished, key=lambda summary: summary.stat().st_mtime_ns).parent


def _how_to_get_a_run(runs: Path) -> str:
    """Return a hint for a directory without a finished run: its newest unfinished one can be finished."""
    unfinished = [run for run in runs.glob("[!.]*") if is_run(run) and not (run / RUN_SUMMARY).exists()]
    if not unfinished:
        found = checkpoints_here()
        named = f"--model {shlex.quote(str(found[0]))} is here" if found else "--model PATH"
        return f"{named}; femb list models has some for photos; femb train makes one"
    run = max(unfinished, key=lambda run: run.stat().st_mtime_ns)
    step = saved_step(run)
    if is_training(run):
        return f"{run} is still training{f'; --model {run} takes its checkpoint of step {step}' if step else ''}"
    if not step:
        return f"femb train --resume {run} starts it again: it was ended before its first checkpoint"
    return f"femb train --resume {run} goes on after step {step}; --model {run} takes the checkpoint of this step"


def checkpoints_here() -> list[Path]:
    """Return the checkpoints in the working directory itself, such as converted ones, by name."""
    return sorted(model.parent for model in Path().glob(f"[!.]*/{MODEL}"))


def run_path(config: TrainConfig) -> Path:
    """Return a free path under `runs_folder()`, named after the header, the backbone and the training set."""
    data = Path(config.data.path).stem if isinstance(config.data, DatasetConfig) else config.data.name
    data = re.sub(r"[-_.]*[{*?\[].*", "", data) or "shards"  # of a pattern of files what is before it
    name = f"{config.header.name}_{config.backbone.name}_{data}"
    number = 1
    while (runs_folder() / f"{name}_{number}").exists():
        number += 1
    return runs_folder() / f"{name}_{number}"


def is_run(path: Path) -> bool:
    """Whether a directory is a run."""
    return (path / CONFIG).is_file() and (path / CHECKPOINTS).is_dir()


def is_training(run: Path) -> bool:
    """Whether a process trains in a run now."""
    descriptor = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return not is_only_writer(descriptor)
    finally:
        os.close(descriptor)


def saved_step(run: Path) -> int:
    """Return the step of a run's newest checkpoint; 0 if it has none."""
    checkpoints = run_checkpoints(run)
    return (checkpoint_step(checkpoints[-1]) or 0) if checkpoints else 0


def read_config(run: Path) -> TrainConfig:
    """Read the configuration of a run, which must be whole: a setting that is cut off never becomes its default.

    Every femb has written all settings, `seed` last.

    Raises:
        FembError: the file is missing, cut off or damaged.
        UsageError: a setting is unknown or does not fit, for example in the run of an older femb.
    """
    file = run / CONFIG
    if not file.is_file():
        raise FembError(f"{run} is not a run: it has no {CONFIG}")
    copies = f"each checkpoint has a copy: {run / CHECKPOINTS}/step-*/{CONFIG}"
    try:
        tree = read_yaml(file)
    except FembError as error:
        error.hint = error.hint or copies
        raise
    known = [setting.name for setting in fields(TrainConfig) if setting.name not in ADDED_SETTINGS]
    missing = [name for name in known if name not in tree]
    if missing or not file.read_bytes().endswith(b"\n"):
        raise FembError(
            f"{file} is cut off: {f'it has no {missing[-1]}' if missing else 'its last line has no end'}",
            hint=copies,
        )
    try:
        return load_config(file)
    except UsageError as error:
        raise UsageError(f"{file}: {error.message}", hint=error.hint) from error


def write_config(run: Path, config: TrainConfig) -> None:
    """Write the resolved configuration into a run."""
    write_text(run / CONFIG, dump_config(config))


def write_summary(run: Path, summary: dict[str, Any]) -> None:
    """Write the result into a run, which marks the run as finished."""
    write_text(run / RUN_SUMMARY, json.dumps(summary, indent=2) + "\n")


def run_checkpoints(run: Path) -> list[Path]:
    """Return the checkpoints of a run that have a network, oldest first."""
    return [checkpoint for checkpoint in checkpoint_folders(run) if (checkpoint / MODEL).is_file()]


def checkpoint_folders(run: Path) -> list[Path]:
    """Return everything in a run that has the name of a checkpoint, oldest first, also what is not whole."""
    folders = [path for path in (run / CHECKPOINTS).glob("step-*") if checkpoint_step(path) is not None]
    return sorted(folders, key=lambda path: checkpoint_step(path) or 0)


def checkpoint_path(run: Path, step: int) -> Path:
    """Return the directory of the checkpoint that a run saves after so many steps."""
    return run / CHECKPOINTS / f"step-{step:06d}"


def checkpoint_step(checkpoint: Path) -> int | None:
    """Return the step in the name of a run's checkpoint; None for any other name."""
    start, number = checkpoint.name[:5], checkpoint.name[5:]
    return int(number) if start == "step-" and number.isascii() and number.isdigit() else None


def keep_newest_checkpoints(run: Path, keep: int, *, also: Path | None = None) -> None:
    """Delete all but the newest checkpoints of a run, and one more that may be older."""
    kept = [*run_checkpoints(run)[-keep:], also]
    for checkpoint in checkpoint_folders(run):
        if checkpoint not in kept:
            remove_checkpoint(checkpoint)


def remove_checkpoint(checkpoint: Path) -> None:
    """Delete a checkpoint; it loses its name first, so that nothing half-deleted has a checkpoint's name.

    Raises:
        FembError: the directory cannot be changed.
    """
    with write_errors(checkpoint.parent):
        aside = checkpoint.with_name(f".{checkpoint.name}.{secrets.token_hex(4)}.tmp")
        checkpoint.replace(aside)
        remove(aside)


def _with_slash(runs: Path) -> str:
    return str(runs) if str(runs) == "/" else f"{runs}/"
