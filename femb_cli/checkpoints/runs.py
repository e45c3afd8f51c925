"""Find, create and list runs, and name the files in a run's directory. No tensor is read here.

    runs/arcface_iresnet50_ms1mv3_1/
      config.yaml               the resolved configuration
      metrics.jsonl             one line per log interval and per verification
      events.out.tfevents.*     the same metrics for TensorBoard
      samples/                  images of the synthetic benchmark, to try femb embed on (synthetic data only)
      checkpoints/
        step-001000/
          model.safetensors       the backbone, with its card in the header
          classifier.safetensors  the class weights
          config.yaml             the run's configuration
          state/                  optimizer and step, to continue the training
      summary.json              the result, written last: a run that has it is finished

A checkpoint outside a run, such as a converted one, is a directory like `step-001000/`; only `model.safetensors` is
required.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from femb_cli.config.load import dump_config
from femb_cli.config.schema import DatasetConfig, TrainConfig
from femb_cli.errors import FembError
from femb_cli.files import new_file

CONFIG = "config.yaml"
METRICS = "metrics.jsonl"
RUN_SUMMARY = "summary.json"
CHECKPOINTS = "checkpoints"

MODEL = "model.safetensors"
CLASSIFIER = "classifier.safetensors"
STATE = "state"


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
    finished = [summary for summary in runs.glob(f"*/{RUN_SUMMARY}") if run_checkpoints(summary.parent)]
    if not finished:
        raise FembError(
            f"no finished run under {_with_slash(runs)}",
            hint="femb train makes one, or name a model: --model CHECKPOINT",
        )
    return max(finished, key=lambda summary: summary.stat().st_mtime_ns).parent


def newest_unfinished_run() -> Path:
    """Return the run that a bare `femb train --resume` continues.

    Raises:
        FembError: there is none.
    """
    runs = runs_folder()
    unfinished = [config.parent for config in runs.glob(f"*/{CONFIG}") if not (config.parent / RUN_SUMMARY).exists()]
    if not unfinished:
        raise FembError(
            f"no unfinished run under {_with_slash(runs)} to resume", hint="name one: femb train --resume RUN"
        )
    return max(unfinished, key=lambda path: path.stat().st_mtime_ns)


def run_path(config: TrainConfig) -> Path:
    """Return a free path under `runs_folder()`, named after the header, the backbone and the training set."""
    data = Path(config.data.path).stem if isinstance(config.data, DatasetConfig) else config.data.name
    name = f"{config.header.name}_{config.backbone.name}_{data}"
    number = 1
    while (runs_folder() / f"{name}_{number}").exists():
        number += 1
    return runs_folder() / f"{name}_{number}"


def is_run(path: Path) -> bool:
    """Whether a directory is a run."""
    return (path / CONFIG).is_file() and (path / CHECKPOINTS).is_dir()


def create_run(path: Path, config: TrainConfig, *, overwrite: bool = False) -> None:
    """Make the directory of a run and write the resolved configuration into it.

    Raises:
        FembError: the directory exists and `overwrite` is false, or it is not a run and is not empty.
    """
    if path.exists():
        if not overwrite:
            raise FembError(
                f"the run {path} exists already", hint=f"femb train --resume {path}, another --out, or --overwrite"
            )
        if not is_run(path) and any(path.iterdir()):
            raise FembError(f"{path} is not a run: it has no {CONFIG}; femb does not delete it")
        shutil.rmtree(path)
    (path / CHECKPOINTS).mkdir(parents=True)
    write_config(path, config)


def write_config(run: Path, config: TrainConfig) -> None:
    """Write the resolved configuration into a run."""
    with new_file(run / CONFIG, overwrite=True) as aside:
        aside.write_text(dump_config(config), encoding="utf-8")


def write_summary(run: Path, summary: dict[str, Any]) -> None:
    """Write the result into a run, which marks the run as finished."""
    with new_file(run / RUN_SUMMARY, overwrite=True) as aside:
        aside.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def run_checkpoints(run: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    checkpoints = [path for path in (run / CHECKPOINTS).glob("step-*") if checkpoint_step(path) is not None]
    return sorted(checkpoints, key=lambda path: checkpoint_step(path) or 0)


def checkpoint_path(run: Path, step: int) -> Path:
    """Return the directory of the checkpoint that a run saves after so many steps."""
    return run / CHECKPOINTS / f"step-{step:06d}"


def checkpoint_step(checkpoint: Path) -> int | None:
    """Return the step in the name of a run's checkpoint; None for any other name."""
    number = checkpoint.name.removeprefix("step-")
    return int(number) if number.isdigit() else None


def keep_newest_checkpoints(run: Path, keep: int) -> None:
    """Delete all but the newest checkpoints of a run."""
    for checkpoint in run_checkpoints(run)[:-keep]:
        shutil.rmtree(checkpoint)


def _with_slash(runs: Path) -> str:
    return str(runs) if str(runs) == "/" else f"{runs}/"
