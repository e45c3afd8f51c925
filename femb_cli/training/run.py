"""A run: the folder with everything that a training leaves behind.

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

from femb_cli.checkpoints.layout import CONFIG, RUN_SUMMARY, run_checkpoints
from femb_cli.config.load import dump_config
from femb_cli.config.schema import DatasetConfig, TrainConfig
from femb_cli.errors import FembError
from femb_cli.files import new_file

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


def drop_metrics_after(run: Path, step: int) -> None:
    """Forget the log of steps that a resumed run will do again."""
    file = run / METRICS
    if file.is_file():
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if _step_of(line) <= step]
        with new_file(file, overwrite=True) as aside:
            aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def keep_newest_checkpoints(run: Path, keep: int) -> None:
    """Delete all but the newest checkpoints."""
    for folder in run_checkpoints(run)[:-keep]:
        shutil.rmtree(folder)


def write_summary(run: Path, summary: dict[str, Any]) -> None:
    """Write the result, which marks the run as finished."""
    with new_file(run / RUN_SUMMARY, overwrite=True) as aside:
        aside.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def _step_of(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 1 << 62  # a line that a kill cut short
