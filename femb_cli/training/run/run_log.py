"""The log of a run: one line per interval on stderr, and the same metrics in `metrics.jsonl` and TensorBoard.

At a terminal, a live line below shows the step and the remaining time between the intervals.

Shapes: P processes, M metrics.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeVar

import torch
from torch import Tensor

from femb_cli.checkpoints.runs import METRICS
from femb_cli.classifier import ClassifierOutput
from femb_cli.evaluation.verification.result import collapse_warning
from femb_cli.files import sync, write_errors, write_text
from femb_cli.runtime.collectives import gather_to_main, group_rank, group_size
from femb_cli.runtime.devices import peak_memory_gb
from femb_cli.runtime.logging import COLUMNS, show_live_line
from femb_cli.text import per_second
from femb_cli.training.run.event_file import EventFile
from femb_cli.training.run.metrics_file import parse_lines
from femb_cli.training.run.progress_file import Progress

logger = logging.getLogger("femb")

SPEED_METRICS = ("images_per_second", "data_wait_share", "peak_memory_gb", "mfu")
"""The metrics that differ between two equal runs. `mfu` is the share of the devices' peak rate that the backbone's
operations take (model FLOPs utilisation), if the peak is known."""

_LIVE_SECONDS = 0.2
"""Time between two updates of the live line."""

Batch = TypeVar("Batch")


class RunLog:
    """Writes a run's `metrics.jsonl`, TensorBoard events and log lines, on the main process only.

    Args:
        run: the run's directory.
        steps: steps of the whole run.
        batch_size: images in one step, over all processes together.
        start: steps done before. On a resume, the metrics of later steps are removed from the files.
        writes: whether this is the main process.
        device: the device whose peak memory is logged; None or a CPU: the memory of this process.
        mfu_of_one: the share of the devices' peak rate that one image in a second takes; None if that is not known.
        send: gives a line of the log to experiment trackers.

    Attributes:
        loss: the mean loss in the newest line of the log; None if there is none.
    """

    def __init__(
        self,
        run: Path,
        *,
        steps: int,
        batch_size: int,
        start: int,
        writes: bool,
        device: torch.device | None = None,
        mfu_of_one: float | None = None,
        send: Callable[[dict[str, Any], int], None] | None = None,
    ) -> None:
        self.mfu_of_one, self.send = mfu_of_one, send
        self.steps, self.batch_size, self.device = steps, batch_size, device
        self.loss: float | None = None
        self.means: tuple[str, ...] = ()
        self._at_start: set[frozenset[str]] = set()
        self.metrics_file = run / METRICS
        with write_errors(run):
            self.file = self._open_metrics(start) if writes else None
            self.board = EventFile(run, purge_from=start + 1) if writes else None
        self.started = self.interval_started = self.shown_at = time.perf_counter()
        self.first_step = self.interval_step = start
        self.waited = self.interval_waited = self.trained = 0.0
        self.step_ended: float | None = None

    def step(self, step: int, metrics: dict[str, float]) -> None:
        """Record the means over the interval that ends after `step` steps."""
        now = time.perf_counter()
        seconds = now - self.interval_started
        speed = self._speed(step - self.interval_step, seconds, self.waited - self.interval_waited)
        self.trained += seconds
        self.interval_started, self.interval_step, self.interval_waited = now, step, self.waited
        self.loss = metrics["loss"]
        self.means = (f"loss {metrics['loss']:.3f}", f"lr {metrics['lr']:.3g}")
        self.write(step, {**metrics, **speed})
        gradient, rate = f"grad {metrics['gradient_norm']:.3g}", speed["images_per_second"]
        self._say(fit(self._step(step), *self.means, gradient, _images_per_second(rate), self._eta(step, now)))

    def live(self, step: int) -> None:
        """End a step: show it at the terminal, a few times a second, with the newest loss of the log."""
        self.step_ended = now = time.perf_counter()
        if self.file is not None and step > self.interval_step and now - self.shown_at >= _LIVE_SECONDS:
            self.shown_at = now
            rate = self.batch_size * (step - self.interval_step) / (now - self.interval_started)
            show_live_line(fit(self._step(step), *self.means, _images_per_second(rate), self._eta(step, now)))

    def timed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the batches, and measure how long the training waits for each.

        Between the end of a step and the next batch, the run is verified and saved: this time does not count.
        """
        while True:
            asked = time.perf_counter()
            if self.step_ended is not None:
                self.interval_started += asked - self.step_ended
                self.step_ended = None
            batch = next(batches, None)
            self.waited += time.perf_counter() - asked
            if batch is None:
                return
            yield batch

    def speed(self) -> dict[str, float | None]:
        """Return `SPEED_METRICS` over this session, up to the newest line of the log; None each without a line."""
        if (steps := self.interval_step - self.first_step) == 0:
            return dict.fromkeys(SPEED_METRICS)
        return {**dict.fromkeys(SPEED_METRICS), **self._speed(steps, self.trained, self.interval_waited)}

    def verifications(self, step: int, results: Sequence[Mapping[str, Any]]) -> None:
        """Record the results on each benchmark after `step` steps."""
        for result in results:
            name, accuracy, eer = result["benchmark"], result["accuracy"], result["eer"]
            self.write(step, {f"{name}/{key}": result[key] for key in ("accuracy", "eer", "auc")})
            if result.get("collapsed"):
                self._say(f"warning: {collapse_warning(result['mean_cosine'])}", logging.WARNING)
            self._say(fit(self._step(step), f"{name} {100 * accuracy:.2f} %", f"eer {100 * eer:.2f} %"))

    def write(self, step: int, metrics: dict[str, Any]) -> None:
        """Append one line to `metrics.jsonl`, and its numbers to TensorBoard.

        A run that was killed after its last step verifies once more, and has the line already.

        Raises:
            FembError: the files cannot be written.
        """
        if self.file is None or self.board is None:
            return
        if step == self.first_step and frozenset(metrics) in self._at_start:
            return
        # A step of fp16 that is left out has an infinite gradient, which JSON cannot hold.
        metrics = {name: value if _is_finite(value) else None for name, value in metrics.items()}
        with write_errors(self.metrics_file):
            self.file.write(json.dumps({"step": step, **metrics}) + "\n")
            self.file.flush()
            scalars = {name: value for name, value in metrics.items() if value is not None}
            self.board.add_scalars(step, scalars)
        if self.send is not None:
            self.send(scalars, step)

    def sync(self) -> None:
        """Write the log to the disk before a checkpoint: a run resumed from it does not write these lines again.

        Raises:
            FembError: the files cannot be written.
        """
        if self.file is not None:
            with write_errors(self.metrics_file):
                sync(self.metrics_file)

    def close(self) -> None:
        """Close the files."""
        show_live_line("")
        with write_errors(self.metrics_file):
            if self.file is not None:
                self.file.close()
            if self.board is not None:
                self.board.close()

    def _open_metrics(self, start: int) -> TextIO:
        """Open `metrics.jsonl` for appending, without the lines of steps that a resumed run repeats."""
        if self.metrics_file.is_file():
            lines = self.metrics_file.read_text(encoding="utf-8", errors="replace").splitlines()
            kept = [entry for entry in parse_lines(lines) if entry["step"] <= start]
            write_text(self.metrics_file, "".join(f"{json.dumps(entry)}\n" for entry in kept))
            self._at_start = {frozenset(entry.keys() - {"step"}) for entry in kept if entry["step"] == start}
            self.loss = next((entry["loss"] for entry in reversed(kept) if "loss" in entry), None)
        return self.metrics_file.open("a", encoding="utf-8")

    def _speed(self, steps: int, seconds: float, waited: float) -> dict[str, float]:
        """Return the values of `SPEED_METRICS` for a part of the session."""
        seconds = max(seconds, 1e-9)
        rate = self.batch_size * steps / seconds
        values = {
            "images_per_second": round(rate, 1),
            "data_wait_share": round(min(waited / seconds, 1.0), 3),
            "peak_memory_gb": round(peak_memory_gb(self.device), 3),
        }
        return values if self.mfu_of_one is None else {**values, "mfu": round(rate * self.mfu_of_one, 3)}

    def _step(self, step: int) -> str:
        return f"step {step:>6}/{self.steps}"

    def _eta(self, step: int, now: float) -> str:
        return f"eta {duration((now - self.started) / (step - self.first_step) * (self.steps - step))}"

    def _say(self, line: str, level: int = logging.INFO) -> None:
        if self.file is not None:
            show_live_line("")
            logger.log(level, line)


class Means:
    """Running means of a few metrics, summed on the device so that `add` does not wait for the GPU.

    A checkpoint stores the sums of every process, so that the log of a resumed run is that of an unbroken one.
    """

    NAMES = ("loss", "cross_entropy", "regularizer", "magnitude", "gradient_norm")

    def __init__(self, device: torch.device | None = None) -> None:
        # Apple's GPUs have no float64.
        dtype = torch.float32 if device is not None and device.type == "mps" else torch.float64
        self.sums = torch.zeros(len(self.NAMES), device=device, dtype=dtype)
        self.count = 0

    def add(self, outputs: Sequence[ClassifierOutput], gradient_norm: Tensor) -> None:
        """Add the metrics of one step: the mean of its micro-batches, and the norm of its gradient."""
        means = torch.stack([output.metrics.to(self.sums.dtype) for output in outputs]).mean(0)
        self.sums += torch.cat([means, gradient_norm.detach().to(self.sums.dtype)[None]])
        self.count += 1

    def take(self) -> Tensor:
        """Return the means since the last call, in the order of `NAMES`, and reset them."""
        means = self.sums / max(self.count, 1)
        self.sums, self.count = torch.zeros_like(self.sums), 0
        return means

    def gather(self) -> dict[str, list[float]]:
        """Return the sums of all processes by metric, complete on the main process only; every process must call it."""
        sums_PM = gather_to_main(self.sums[None])
        return dict(zip(self.NAMES, sums_PM.T.tolist(), strict=True))

    def load(self, progress: Progress) -> None:
        """Go on from the sums of a checkpoint.

        As many processes as before have the sums that they had. Any other number have the mean of them each, which
        gives the same mean over all.
        """
        if set(progress.interval_sums) != set(self.NAMES):
            return
        sums_PM = torch.tensor([progress.interval_sums[name] for name in self.NAMES], dtype=self.sums.dtype).T
        own = sums_PM[group_rank()] if len(sums_PM) == group_size() else sums_PM.mean(0)
        self.sums, self.count = own.to(self.sums), progress.interval_steps


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _images_per_second(rate: float) -> str:
    return f"{per_second(rate)} img/s"


def fit(*parts: str) -> str:
    """Join the parts of a line by two spaces, or by one if it would be too wide for a terminal."""
    line = "  ".join(parts)
    return line if len(line) < COLUMNS else " ".join(parts)


def duration(seconds: float) -> str:
    """Format seconds in a few letters: `42s`, `3m05s`, `4h51m`, `12d03h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 100 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"
