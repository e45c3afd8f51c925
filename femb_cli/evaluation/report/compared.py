"""The comparison of two models as the page shows it: a sentence, and a table of all metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

from femb_cli.evaluation.metrics.differences import Difference
from femb_cli.evaluation.verification.comparison import Comparison


@dataclass(frozen=True)
class ComparedMetric:
    """One metric of two models, as text.

    Attributes:
        name: the metric, with its unit.
        first: the metric of the first model.
        second: the metric of the second model.
        difference: first - second.
        interval: the interval of the difference.
        better: name of the better model; empty if the pairs cannot tell.
    """

    name: str
    first: str
    second: str
    difference: str
    interval: str
    better: str


@dataclass(frozen=True)
class ComparedModels:
    """A comparison, as text.

    Attributes:
        title: display name of the benchmark.
        first: name of the first model.
        second: name of the second model.
        sentence: which one is better.
        metrics: the metrics.
        method: how the intervals were computed, and from how many resamples.
    """

    title: str
    first: str
    second: str
    sentence: str
    metrics: Sequence[ComparedMetric]
    method: str


def compared(comparison: Comparison, names: Sequence[str]) -> ComparedModels:
    """Return what the page shows of a comparison.

    Args:
        comparison: the comparison.
        names: what the page calls the model of each result.
    """
    first, second = names[comparison.first], names[comparison.second]
    metrics = [_metric(name, found, (first, second)) for name, found in comparison.differences.items()]
    method = f"{comparison.method}, {comparison.num_resamples:,} resamples"
    return ComparedModels(comparison.title, first, second, comparison.sentence(first, second), metrics, method)


def _metric(name: str, found: Difference, names: tuple[str, str]) -> ComparedMetric:
    factor, digits = (1, 4) if name == "auc" else (100, 2)

    def signed(value: float) -> str:
        text = f"{factor * value:+.{digits}f}"
        return f"{0:.{digits}f}" if float(text) == 0 else text.replace("-", "−")

    return ComparedMetric(
        name=_title(name),
        first=f"{factor * found.first:.{digits}f}",
        second=f"{factor * found.second:.{digits}f}",
        difference=signed(found.value),
        interval=f"{signed(found.interval.low)} to {signed(found.interval.high)}",
        better=names[found.better - 1] if found.better else "",
    )


def _title(name: str) -> str:
    """The name of a metric, with its unit."""
    if name.startswith("fnmr_at_fmr_"):
        return f"FNMR@{name.rpartition('_')[2]}, %"
    return {"accuracy": "Accuracy, %", "eer": "EER, %", "auc": "AUC"}[name]
