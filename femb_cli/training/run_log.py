"""The log of a run: one line per interval on stderr, and the same metrics in `metrics.jsonl` and TensorBoard."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor

from femb_cli.checkpoints.runs import METRICS
from femb_cli.classifier import ClassifierOutput
from femb_cli.files import new_file

logger = logging.getLogger("femb")


class RunLog:
    """Writes a run's `metrics.jsonl`, TensorBoard events and log lines, on the main process only.

    Args:
        run: the run's directory.
        steps: steps of the whole run.
        batch_size: images in one step, over all processes together.
        start: steps done before. On a resume, the metrics of later steps are removed from the files.
        writes: whether this is the main process.
    """

    def __init__(self, run: Path, *, steps: int, batch_size: int, start: int, writes: bool) -> None:
        self.steps, self.batch_size = steps, batch_size
        self.file = _open_metrics(run, start) if writes else None
        self.board = _open_tensorboard(run, start) if writes else None
        self.started = self.interval_started = time.perf_counter()
        self.first_step = self.interval_step = start

    def step(self, step: int, metrics: dict[str, float]) -> None:
        """Record the means over the interval that ends after `step` steps."""
        now = time.perf_counter()
        rate = self.batch_size * (step - self.interval_step) / max(now - self.interval_started, 1e-9)
        remaining = (now - self.started) / (step - self.first_step) * (self.steps - step)
        self.interval_started, self.interval_step = now, step
        self.write(step, {**metrics, "images_per_second": round(rate, 1)})
        speed = f"{rate:,.0f}".replace(",", " ")
        self._say(
            f"step {step:>6}/{self.steps}   loss {metrics['loss']:.3f}   lr {metrics['lr']:.3g}"
            f"   grad {metrics['gradient_norm']:.2f}   {speed} img/s   eta {duration(remaining)}"
        )

    def verifications(self, step: int, results: Sequence[Mapping[str, Any]]) -> None:
        """Record the results on each benchmark after `step` steps."""
        for result in results:
            name, accuracy, eer = result["benchmark"], result["accuracy"], result["eer"]
            self.write(step, {f"{name}/{key}": result[key] for key in ("accuracy", "eer", "auc")})
            self._say(f"step {step:>6}/{self.steps}   {name} {100 * accuracy:.2f} %   eer {100 * eer:.2f} %")

    def write(self, step: int, metrics: dict[str, Any]) -> None:
        """Append one line to `metrics.jsonl`, and its numbers to TensorBoard."""
        if self.file is None or self.board is None:
            return
        self.file.write(json.dumps({"step": step, **metrics}) + "\n")
        self.file.flush()
        for name, value in metrics.items():
            if isinstance(value, int | float):
                self.board.add_scalar(name, value, step)

    def close(self) -> None:
        """Close the files."""
        if self.file is not None:
            self.file.close()
        if self.board is not None:
            self.board.close()

    def _say(self, line: str) -> None:
        if self.file is not None:
            logger.info(line)


class Means:
    """Running means of a few metrics, summed on the device so that `add` does not wait for the GPU."""

    NAMES = ("loss", "cross_entropy", "regularizer", "magnitude", "gradient_norm")

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(len(self.NAMES), device=device)
        self.count = 0

    def add(self, output: ClassifierOutput, gradient_norm: Tensor) -> None:
        """Add the metrics of one step."""
        metrics = (output.loss, output.cross_entropy, output.regularizer, output.magnitude, gradient_norm)
        self.sums += torch.stack([metric.detach().float() for metric in metrics])
        self.count += 1

    def take(self) -> Tensor:
        """Return the means since the last call, in the order of `NAMES`, and reset them."""
        means = self.sums / max(self.count, 1)
        self.sums, self.count = torch.zeros_like(self.sums), 0
        return means


def duration(seconds: float) -> str:
    """Format seconds for people: `42 s`, `3 min 5 s`, `4 h 51 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _open_metrics(run: Path, start: int) -> TextIO:
    """Open `metrics.jsonl` for appending, without the lines of steps that a resumed run repeats."""
    file = run / METRICS
    if file.is_file():
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if _is_at_most(start, line)]
        with new_file(file, overwrite=True) as aside:
            aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file.open("a", encoding="utf-8")


def _is_at_most(step: int, line: str) -> bool:
    """Whether a line of `metrics.jsonl` is whole and is about a step up to `step`."""
    try:
        return int(json.loads(line)["step"]) <= step
    except (ValueError, KeyError, TypeError):  # a line that was cut off when the run was killed
        return False


def _open_tensorboard(run: Path, start: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(run), purge_step=start + 1 if start else None)
