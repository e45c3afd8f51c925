"""Runs and checkpoints on disk: where they are and what each directory holds; no tensor is opened here.

A run is a directory:

config.yaml             the resolved configuration
metrics.jsonl           one line per log interval and per verification
checkpoints/step-N/     see checkpoints/store.py; with state/ to go on from
events.out.tfevents.*   the same figures for TensorBoard
samples/                a few images of the benchmark, to try femb embed on (synthetic data only)
summary.json            the result, written last: a run that has it is finished
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

MODEL = "model.safetensors"
CLASSIFIER = "classifier.safetensors"
CONFIG = "config.yaml"
STATE = "state"
RUN_SUMMARY = "summary.json"
"""Written last into a run: one that has it is finished."""
METRICS = "metrics.jsonl"


def runs_folder() -> Path:
    """Where runs are made and looked for: FEMB_RUNS_DIR, or `runs` in the working folder."""
    return Path(os.environ.get("FEMB_RUNS_DIR") or "runs")


def run_path(config: TrainConfig) -> Path:
    """A free folder under `runs_folder()`, named after what is trained on what."""
    data = Path(config.data.path).stem if isinstance(config.data, DatasetConfig) else config.data.name
    name = f"{config.header.name}_{config.backbone.name}_{data}"
    number = 1
    while (runs_folder() / f"{name}_{number}").exists():
        number += 1
    return runs_folder() / f"{name}_{number}"


def create_run(path: Path, config: TrainConfig, *, overwrite: bool = False) -> None:
    """Make the folder and write the resolved configuration into it.

    Raises:
        FembError: the folder exists and is not to be overwritten, or is something other than a run.
    """
    if path.exists():
        if not overwrite:
            raise FembError(
                f"the run {path} exists already", hint=f"femb train --resume {path}, another --out, or --overwrite"
            )
        if not is_run(path) and any(path.iterdir()):
            raise FembError(f"{path} is not a run: it has no {CONFIG}; femb does not delete it")
        shutil.rmtree(path)
    (path / "checkpoints").mkdir(parents=True)
    write_config(path, config)


def write_config(run: Path, config: TrainConfig) -> None:
    """Write the resolved configuration into a run."""
    with new_file(run / CONFIG, overwrite=True) as aside:
        aside.write_text(dump_config(config), encoding="utf-8")


def is_run(path: Path) -> bool:
    """Whether a folder is a run."""
    return (path / CONFIG).is_file() and (path / "checkpoints").is_dir()


def newest_unfinished_run() -> Path:
    """The run that a bare `--resume` goes on with.

    Raises:
        FembError: there is none.
    """
    folder = runs_folder()
    waiting = [path.parent for path in folder.glob(f"*/{CONFIG}") if not (path.parent / RUN_SUMMARY).exists()]
    if not waiting:
        raise FembError(f"no unfinished run under {folder}/ to resume", hint="name one: femb train --resume RUN")
    return max(waiting, key=lambda path: path.stat().st_mtime_ns)


def keep_newest_checkpoints(run: Path, keep: int) -> None:
    """Delete all but the newest checkpoints."""
    for folder in run_checkpoints(run)[:-keep]:
        shutil.rmtree(folder)


def write_summary(run: Path, summary: dict[str, Any]) -> None:
    """Write the result, which marks the run as finished."""
    with new_file(run / RUN_SUMMARY, overwrite=True) as aside:
        aside.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def run_checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    folders = [path for path in (run / "checkpoints").glob("step-*") if checkpoint_step(path) is not None]
    return sorted(folders, key=lambda folder: checkpoint_step(folder) or 0)


def checkpoint_step(folder: Path) -> int | None:
    """How many steps a checkpoint of a run has behind it; None for another folder's name."""
    number = folder.name.removeprefix("step-")
    return int(number) if number.isdigit() else None


def newest_finished_run(runs: Path) -> Path:
    """The run under `runs` that finished last: what a command means when it is given no model.

    Raises:
        FembError: none has finished.
    """
    finished = [summary for summary in runs.glob(f"*/{RUN_SUMMARY}") if run_checkpoints(summary.parent)]
    if not finished:
        raise FembError(
            f"no finished run under {runs}{'/' if str(runs) != '/' else ''}",
            hint="femb train makes one, or name a model: --model CHECKPOINT",
        )
    return max(finished, key=lambda summary: summary.stat().st_mtime_ns).parent
