"""Where things are in a checkpoint and in a run; nothing here opens a tensor."""

from pathlib import Path

from femb_cli.errors import FembError

MODEL = "model.safetensors"
CLASSIFIER = "classifier.safetensors"
CONFIG = "config.yaml"
STATE = "state"
RUN_SUMMARY = "summary.json"
"""Written last into a run: one that has it is finished."""


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
