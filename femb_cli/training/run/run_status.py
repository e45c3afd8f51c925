"""What a run is at: finished, running or unfinished, its step, loss and best result. Nothing of it needs torch."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from femb_cli.checkpoints.runs import CONFIG, METRICS, RUN_INFO, RUN_SUMMARY, is_run, is_training, saved_step
from femb_cli.config.load import read_yaml
from femb_cli.errors import FembError
from femb_cli.training.run.metrics_file import BestResult, best_result, read_metrics


@dataclass(frozen=True)
class RunStatus:
    """What a run is at.

    Attributes:
        run: its directory.
        status: `running` if a process trains in it now, else `finished` if it has a summary, else `unfinished`.
        step: steps of its newest line in `metrics.jsonl` or of its newest checkpoint, the larger; 0 without both.
        steps: steps that it is to have; None if that is not known.
        loss: mean loss over the newest log interval; None if there is none.
        best: its best accuracy on the benchmark of its first verification; None without a verification.
        data: its training set: a path, or `synthetic`; empty if its configuration cannot be read.
        changed: when its metrics, its summary or its configuration changed last, UTC.
    """

    run: Path
    status: Literal["running", "finished", "unfinished"]
    step: int
    steps: int | None
    loss: float | None
    best: BestResult | None
    data: str
    changed: datetime

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        best = None if self.best is None else self.best._asdict()
        changed = self.changed.isoformat(timespec="seconds")
        return {**asdict(self), "run": str(self.run), "best": best, "changed": changed}


def list_runs(folder: Path) -> list[RunStatus]:
    """Return the runs in a directory, the one that changed last first."""
    runs = [status_of(path) for path in folder.glob("[!.]*") if is_run(path)]
    return sorted(runs, key=lambda status: status.changed, reverse=True)


def status_of(run: Path) -> RunStatus:
    """Return what a run is at."""
    metrics = read_metrics(run)
    config = _read_settings(run)
    data = config.get("data") or {}
    is_finished = (run / RUN_SUMMARY).exists()
    return RunStatus(
        run=run,
        status="running" if is_training(run) else "finished" if is_finished else "unfinished",
        step=max(metrics[-1]["step"] if metrics else 0, saved_step(run)),
        steps=_planned_steps(run, config),
        loss=next((line["loss"] for line in reversed(metrics) if "loss" in line), None),
        best=best_result(metrics),
        data=(data.get("path") or data.get("name") or "") if isinstance(data, dict) else str(data),
        changed=datetime.fromtimestamp(_changed(run), UTC),
    )


def _read_settings(run: Path) -> dict[str, Any]:
    """Read the settings of a run without checking them, because that takes longer; none if the file is damaged."""
    try:
        return read_yaml(run / CONFIG)
    except FembError:
        return {}


def _planned_steps(run: Path, config: dict[str, Any]) -> int | None:
    """Return the steps of a run, as `make_plan` computes them."""
    if config.get("steps") is not None:
        return config["steps"]
    with suppress(OSError, ValueError, LookupError, TypeError):
        num_images = json.loads((run / RUN_INFO).read_text(encoding="utf-8"))["data"]["num_images"]
        return max(1, round(config["epochs"] * num_images / config["batch_size"]))
    return None


def _changed(run: Path) -> float:
    """Return when one of a run's files changed last, in seconds."""
    return max((run / name).stat().st_mtime for name in (CONFIG, METRICS, RUN_SUMMARY) if (run / name).exists())
