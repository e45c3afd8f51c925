"""The record of a run: one line per interval for people, the same metrics for programs and TensorBoard."""

import json
import logging
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from femb_cli.checkpoints.runs import METRICS
from femb_cli.classifier import ClassifierOutput
from femb_cli.files import new_file

logger = logging.getLogger("femb")


class RunLog:
    """Writes `metrics.jsonl`, TensorBoard events and the step lines; the other ranks' logs write nothing.

    Args:
        run: the run's folder.
        steps: steps of the whole run.
        batch_size: images in a step.
        start: first step of this session.
        writes: whether this is the main process.
    """

    def __init__(self, run: Path, *, steps: int, batch_size: int, start: int, writes: bool) -> None:
        self.steps, self.batch_size, self.writes = steps, batch_size, writes
        self.file = (run / METRICS).open("a", encoding="utf-8") if writes else None
        self.board = _tensorboard(run, start) if writes else None
        self.started = self.interval_started = time.perf_counter()
        self.first_step = self.interval_step = start

    def step(self, step: int, metrics: dict[str, float]) -> None:
        """Record the means over the interval that ends with `step` steps done."""
        now = time.perf_counter()
        rate = self.batch_size * (step - self.interval_step) / max(now - self.interval_started, 1e-9)
        self.interval_started, self.interval_step = now, step
        self.write(step, {**metrics, "images_per_second": round(rate, 1)})
        if self.writes:
            speed = f"{rate:,.0f}".replace(",", " ")
            remaining = (now - self.started) / (step - self.first_step) * (self.steps - step)
            logger.info(
                f"step {step:>6}/{self.steps}   loss {metrics['loss']:.3f}   lr {metrics['lr']:.3g}"
                f"   grad {metrics['gradient_norm']:.2f}   {speed} img/s   eta {duration(remaining)}"
            )

    def write(self, step: int, metrics: dict[str, Any]) -> None:
        """Append one line to `metrics.jsonl` and its numbers to TensorBoard."""
        if self.file is None or self.board is None:
            return
        self.file.write(json.dumps({"step": step, **metrics}) + "\n")
        self.file.flush()
        for name, value in metrics.items():
            if isinstance(value, int | float):
                self.board.add_scalar(name, value, step)

    def close(self) -> None:
        """Finish the files."""
        if self.file is not None:
            self.file.close()
        if self.board is not None:
            self.board.close()


class Means:
    """Running sums of a few metrics on the device: reading them waits for the device, adding to them does not."""

    NAMES = ("loss", "cross_entropy", "regularizer", "magnitude", "gradient_norm")

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(len(self.NAMES), device=device)
        self.count = 0

    def add(self, output: ClassifierOutput, gradient_norm: Tensor) -> None:
        """Count one step."""
        metrics = (output.loss, output.cross_entropy, output.regularizer, output.magnitude, gradient_norm)
        self.sums += torch.stack([metric.detach().float() for metric in metrics])
        self.count += 1

    def take(self) -> Tensor:
        """The means since the last call."""
        means = self.sums / max(self.count, 1)
        self.sums, self.count = torch.zeros_like(self.sums), 0
        return means


def duration(seconds: float) -> str:
    """Seconds in words: `42 s`, `3 min 5 s`, `4 h 51 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _tensorboard(run: Path, start: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(run), purge_step=start + 1 if start else None)


def drop_metrics_after(run: Path, step: int) -> None:
    """Forget the log of steps that a resumed run will do again."""
    file = run / METRICS
    if file.is_file():
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if _step_of(line) <= step]
        with new_file(file, overwrite=True) as aside:
            aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _step_of(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 1 << 62  # a line that a kill cut short
