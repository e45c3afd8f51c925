"""Send a run's metrics to experiment trackers such as W&B and MLflow, through Accelerate.

`metrics.jsonl` and the TensorBoard events are always written; trackers are in addition, by name.
"""

import hashlib
import importlib.util
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from femb_cli.errors import FembError

if TYPE_CHECKING:
    from accelerate import Accelerator

logger = logging.getLogger("femb")

PROJECT = "femb"
"""The project of all runs in a tracker, if the tracker's own environment variable names none."""
_OF_THE_ENVIRONMENT = ("WANDB_PROJECT", "MLFLOW_EXPERIMENT_NAME", "COMET_PROJECT_NAME")


def check_trackers(names: Sequence[str]) -> None:
    """Refuse trackers whose package is not installed.

    Raises:
        FembError: one is missing.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise FembError(f"the tracker {name} is not installed here", hint=f"pip install {name.replace('_', '-')}")


def start_trackers(accelerator: "Accelerator", run: Path, settings: Mapping[str, Any]) -> None:
    """Start the accelerator's trackers on the main process: the run's name, and its settings by dotted key.

    A resumed run goes on with its own curves in W&B, and is a further run of the same name in others.

    Raises:
        FembError: a tracker does not start, for example as nobody is logged in.
    """
    if not accelerator.log_with or not accelerator.is_main_process:
        return
    names = ", ".join(str(name) for name in accelerator.log_with)
    project = next((os.environ[name] for name in _OF_THE_ENVIRONMENT if os.environ.get(name)), PROJECT)
    identity = hashlib.sha256(str(run.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    own = {
        "wandb": {"name": run.name, "dir": str(run), "id": identity, "resume": "allow"},
        "mlflow": {"run_name": run.name},
    }
    try:
        accelerator.init_trackers(project, {key: str(value) for key, value in settings.items()}, own)
    except Exception as error:  # each tracker raises errors of its own
        raise FembError(f"cannot start {names}: {error}", hint="log in to it, or leave it out of trackers") from error
    logger.info(f"metrics also go to {names}: project {project}, run {run.name}")


def sender(accelerator: "Accelerator") -> Callable[[dict[str, Any], int], None] | None:
    """Return the function that sends a line of metrics and its step to the trackers; None without any.

    A tracker that fails does not stop the training: the user is warned, and no more is sent.
    """
    if not accelerator.log_with or not accelerator.is_main_process:
        return None
    failed: list[Exception] = []

    def send(metrics: dict[str, Any], step: int) -> None:
        if failed:
            return
        try:
            accelerator.log(metrics, step)
        except Exception as error:  # each tracker raises errors of its own
            failed.append(error)
            logger.warning(f"warning: a tracker has failed and gets no more metrics: {error}")

    return send
