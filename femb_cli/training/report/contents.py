"""What the report shows of each run: its state, its metrics and its settings.

Shape suffix: T points of a curve.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from femb_cli.checkpoints.runs import AUGMENTED, CONFIG, MAGNITUDES, RUN_INFO, is_run
from femb_cli.config.load import flatten, read_yaml
from femb_cli.errors import FembError
from femb_cli.training.run.metrics_file import ACCURACY, Metrics, read_metrics
from femb_cli.training.run.run_status import RunStatus, status_of

Curve = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Steps (T,), ascending, and the value after each (T,)."""


class Histogram(NamedTuple):
    """Counts of bins, and one more edge than there are bins."""

    edges: list[float]
    counts: list[int]


@dataclass(frozen=True)
class ReportedRun:
    """A run in a report.

    Attributes:
        label: its name in the report.
        status: what it is at.
        metrics: the lines of its `metrics.jsonl`.
        settings: all its settings as text, by dotted key, with its processes and its device.
        magnitudes: the histogram of the magnitudes of its training images; None if it has none.
        augmented: a JPEG of some augmented training images; None if it has none.
    """

    label: str
    status: RunStatus
    metrics: Sequence[Metrics]
    settings: Mapping[str, str]
    magnitudes: Histogram | None = None
    augmented: bytes | None = None

    @property
    def benchmarks(self) -> list[str]:
        """The benchmarks that it was verified on, in the order of their first verification."""
        names = (name for line in self.metrics for name in line if name.endswith(ACCURACY))
        return list(dict.fromkeys(name.removesuffix(ACCURACY) for name in names))

    def curve(self, name: str) -> Curve:
        """Return the values of a metric; those that are not finite are left out."""
        points = [(line["step"], line[name]) for line in self.metrics if _is_finite(line.get(name))]
        steps_T, values_T = zip(*points, strict=True) if points else ((), ())
        return np.array(steps_T, np.int64), np.array(values_T, np.float64)

    def newest(self, name: str) -> float | None:
        """Return the newest value of a metric; None if there is none."""
        values_T = self.curve(name)[1]
        return float(values_T[-1]) if len(values_T) else None


def read_runs(paths: Sequence[Path]) -> list[ReportedRun]:
    """Read runs for a report; a run that is named twice is shown once.

    Raises:
        FembError: a path is no run, or none of them has metrics yet.
    """
    paths = list({path.resolve(): path for path in paths}.values())
    for path in paths:
        if not is_run(path):
            raise FembError(f"{path} is not a run", hint="femb list runs shows the runs")
    metrics = [read_metrics(path) for path in paths]
    if not any(metrics):
        raise FembError(
            f"{', '.join(str(path) for path in paths)}: no metrics yet",
            hint="a run writes its first metrics after log_every steps",
        )
    return [
        ReportedRun(label, status_of(path), lines, _read_settings(path), _read_magnitudes(path), _read_augmented(path))
        for label, path, lines in zip(_labels(paths), paths, metrics, strict=True)
    ]


def compare_settings(runs: Sequence[ReportedRun]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the settings in which runs differ, one value for each run, and those that all have in common.

    A setting that a run does not have, for example the margin of another header, is empty.
    """
    names = dict.fromkeys(name for run in runs for name in run.settings)
    values = {name: [run.settings.get(name, "") for run in runs] for name in names}
    differing = {name: row for name, row in values.items() if len(set(row)) > 1}
    return differing, {name: row[0] for name, row in values.items() if name not in differing}


def _read_settings(run: Path) -> dict[str, str]:
    """Read a run's settings, and what it computes with."""
    settings = {name: _as_text(value) for name, value in flatten(read_yaml(run / CONFIG)).items()}
    try:
        info = json.loads((run / RUN_INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return settings
    known = {name: _as_text(info[name]) for name in ("processes", "device", "femb_version") if name in info}
    return {**settings, **known}


def _read_magnitudes(run: Path) -> Histogram | None:
    """Read a run's histogram of magnitudes; None if it has none, or if it is damaged."""
    try:
        document = json.loads((run / MAGNITUDES).read_text(encoding="utf-8"))
        histogram = Histogram([float(edge) for edge in document["edges"]], [int(count) for count in document["counts"]])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    is_whole = len(histogram.edges) == len(histogram.counts) + 1 and sum(histogram.counts) > 0
    return histogram if is_whole else None


def _read_augmented(run: Path) -> bytes | None:
    file = run / AUGMENTED
    return file.read_bytes() if file.is_file() else None


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _labels(paths: Sequence[Path]) -> list[str]:
    """Return a short name for each run: its path below the directory that all have in common."""
    whole = [path.resolve() for path in paths]
    shared = Path(commonpath([path.parent for path in whole]))
    return [str(path.relative_to(shared)) for path in whole]


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
