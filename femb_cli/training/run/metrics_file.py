"""Read a run's `metrics.jsonl`: one JSON object with its step for each log interval and each verification."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from femb_cli.checkpoints.runs import METRICS
from femb_cli.text import lines_of

ACCURACY = "/accuracy"
"""Ending of the metric whose largest value is the best result on a benchmark: `lfw/accuracy`."""

Metrics = dict[str, Any]


class BestResult(NamedTuple):
    """The largest accuracy on a benchmark, and the first step that has it."""

    benchmark: str
    accuracy: float
    step: int


def read_metrics(run: Path) -> list[Metrics]:
    """Read all lines of a run's metrics, without those that were cut off; none if the run has no file."""
    try:
        text = (run / METRICS).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return list(parse_lines(lines_of(text)))


def parse_lines(lines: Sequence[str]) -> Iterator[Metrics]:
    """Parse lines of `metrics.jsonl`, and pass over those that were cut off when a run was killed."""
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and type(entry.get("step")) is int:
            yield entry


def best_result(metrics: Sequence[Mapping[str, Any]], benchmark: str | None = None) -> BestResult | None:
    """Return the best result on a benchmark; None if there is no verification on it.

    Args:
        metrics: the lines of a run.
        benchmark: its name; None for the benchmark of the first verification.
    """
    results = [
        BestResult(name.removesuffix(ACCURACY), value, line["step"])
        for line in metrics
        for name, value in line.items()
        if name.endswith(ACCURACY) and isinstance(value, float)
    ]
    benchmark = benchmark or (results[0].benchmark if results else None)
    # max returns the first of several equal ones.
    return max((result for result in results if result.benchmark == benchmark), key=lambda r: r.accuracy, default=None)
