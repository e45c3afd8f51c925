"""Means of a model's figures over benchmarks, as tables of several benchmarks have them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from femb_cli.evaluation.verification.result import Verification


@dataclass(frozen=True)
class Means:
    """The means of each model over the benchmarks that every model has.

    Attributes:
        benchmarks: names of these benchmarks, in their order; fewer than two of them have no means.
        by_model: the mean of each figure by its name, for each model by its name.
    """

    benchmarks: tuple[str, ...]
    by_model: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """Return the benchmarks and the means as plain values."""
        return {"benchmarks": list(self.benchmarks), "models": {name: dict(of) for name, of in self.by_model.items()}}


def mean_figures(figures: Mapping[tuple[str, str], Mapping[str, float]]) -> Means:
    """Return the means over the benchmarks that every model has.

    Args:
        figures: the figures by model and benchmark; the same names of figures in all of them.
    """
    models = list(dict.fromkeys(model for model, _ in figures))
    benchmarks = dict.fromkeys(benchmark for _, benchmark in figures)
    shared = tuple(name for name in benchmarks if all((model, name) in figures for model in models))
    if len(shared) < 2:
        return Means(shared, {})
    return Means(shared, {model: _mean(figures[model, name] for name in shared) for model in models})


def means_of_results(results: Sequence[Verification]) -> Means:
    """Return the means of the accuracy, the FNMR at each FMR, the EER and the AUC of all models on all benchmarks."""
    return mean_figures({(result.model, result.benchmark): _figures(result) for result in results})


def _figures(result: Verification) -> dict[str, float]:
    metrics = result.metrics
    at_rates = {f"fnmr_at_fmr_{rate}": fnmr for rate, fnmr in metrics.fnmr_at_fmr.items()}
    return {"accuracy": metrics.accuracy, **at_rates, "eer": metrics.eer, "auc": metrics.auc}


def _mean(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    known = list(rows)
    return {name: sum(row[name] for row in known) / len(known) for name in known[0]}
