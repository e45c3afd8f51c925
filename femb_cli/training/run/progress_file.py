"""`state/progress.json` of a checkpoint: the steps done, and the sums of the log interval that they end in."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from femb_cli.checkpoints.runs import PROGRESS, STATE, checkpoint_step


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        step: steps done since the run began.
        interval_steps: steps since the last line of the log.
        interval_sums: by metric, its sum over these steps, for each process.
    """

    step: int
    interval_steps: int = 0
    interval_sums: dict[str, list[float]] = field(default_factory=dict)

    def write(self, state: Path) -> None:
        """Write the file into a checkpoint's `state/`. JSON keeps every bit of a float."""
        content = {"step": self.step, "interval": {"steps": self.interval_steps, "sums": self.interval_sums}}
        (state / PROGRESS).write_text(json.dumps(content) + "\n", encoding="utf-8")


def read_progress(checkpoint: Path) -> Progress:
    """Read how far the training of a checkpoint was. An older femb has stored the step only.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged, or belongs to a checkpoint of another step.
    """
    try:
        content = json.loads((checkpoint / STATE / PROGRESS).read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError(f"{PROGRESS} is nested too deeply") from error
    match content:
        case {"step": step, "interval": {"steps": steps, "sums": sums}} if _is_count(steps) and _are_sums(sums):
            progress = Progress(step, steps, sums)
        case {"step": step} if "interval" not in content:
            progress = Progress(step)
        case _:
            raise ValueError(f"{PROGRESS} does not state the progress of a training in finite numbers")
    if not _is_count(progress.step) or progress.step != (checkpoint_step(checkpoint) or progress.step):
        raise ValueError(f"{PROGRESS} states {progress.step!r} steps")
    return progress


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _are_sums(value: Any) -> bool:
    if not isinstance(value, dict) or not all(isinstance(numbers, list) for numbers in value.values()):
        return False
    are_finite = all(
        type(number) is float and math.isfinite(number) for numbers in value.values() for number in numbers
    )
    return are_finite and all(value.values()) and len({len(numbers) for numbers in value.values()}) <= 1
