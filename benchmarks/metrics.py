"""Measure time and memory of the verification metrics, beside arcface_torch's `evaluate` and scikit-learn.

    git clone https://github.com/deepinsight/insightface CHECKOUT
    python benchmarks/metrics.py --arcface-torch CHECKOUT/recognition/arcface_torch

The first table measures 6 000 pairs in ten folds, from unit embeddings to accuracy and to TAR at FAR 1e-3 over the
folds. The second measures as many scores as IJB-C has pairs. There scikit-learn computes TAR at six FARs and the AUC;
femb computes these and EER, d' and the points of a plot. The contestants take turns, each run in its own process. Time
is the median CPU time without imports and inputs. Memory is the peak of the whole process. All metrics must agree.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.metrics.protocols import arcface, arcface_tar_at_far
from femb_cli.evaluation.metrics.roc import auc, d_prime, equal_error_rate, roc_curve, roc_points, tar_at_far
from femb_cli.evaluation.verification.folds import contiguous_folds
from femb_cli.evaluation.verification.score import cosine_scores

NUM_PAIRS, NUM_FOLDS, EMBEDDING_DIM = 6_000, 10, 512
NUM_GENUINE, NUM_IMPOSTOR = 19_557, 15_638_932
RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)

Metrics = dict[str, float]


@dataclass(frozen=True)
class Run:
    """The cost and the metrics of one run; `peak` in bytes."""

    cpu_seconds: float
    peak: int
    metrics: Metrics


def folds_by_arcface_torch(folder: Path) -> Callable[[], Metrics]:
    """Return its own function, patched to run without mxnet and with a scipy that refuses repeated values."""
    sys.modules["mxnet"] = MagicMock()
    sys.path.insert(0, str(folder))
    from eval import verification  # type: ignore[import-not-found]
    from scipy.interpolate import interp1d

    class Patched:
        interp1d = staticmethod(lambda x, y, kind: interp1d(x, y, kind="linear"))

    verification.interpolate = Patched
    embeddings, genuine = unit_embeddings()

    def run() -> Metrics:
        _, _, accuracies, tar, tar_std, far = verification.evaluate(embeddings, genuine, nrof_folds=NUM_FOLDS)
        return {
            "accuracy": float(accuracies.mean()),
            "accuracy std": float(accuracies.std()),
            "TAR": float(tar),
            "TAR std": float(tar_std),
            "FAR": float(far),
        }

    return run


def folds_by_femb(folder: Path) -> Callable[[], Metrics]:
    """Return a function that computes cosines, the accuracy under `arcface` and its TAR at a FAR."""
    embeddings, genuine = unit_embeddings()
    left, right = np.arange(0, 2 * NUM_PAIRS, 2), np.arange(1, 2 * NUM_PAIRS, 2)
    folds = contiguous_folds(NUM_PAIRS, NUM_FOLDS)

    def run() -> Metrics:
        scores = cosine_scores(embeddings, left, right)
        accuracy, tar = arcface(scores, genuine, folds), arcface_tar_at_far(scores, genuine, folds, 1e-3)
        return {
            "accuracy": accuracy.accuracy,
            "accuracy std": accuracy.accuracy_std,
            "TAR": tar.tar,
            "TAR std": tar.tar_std,
            "FAR": tar.far,
        }

    return run


def unit_embeddings() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Draw embeddings (2 x pairs, D), those of a pair one after the other, and whether each pair is genuine."""
    generator = np.random.default_rng(0)
    genuine = np.arange(NUM_PAIRS) // (NUM_PAIRS // NUM_FOLDS // 2) % 2 == 0
    embeddings = generator.normal(size=(NUM_PAIRS, 2, EMBEDDING_DIM))
    embeddings[genuine, 1] += generator.uniform(0.0, 1.0, (NUM_PAIRS // 2, 1)) * embeddings[genuine, 0]
    embeddings /= np.linalg.norm(embeddings, axis=2, keepdims=True)
    return embeddings.reshape(2 * NUM_PAIRS, EMBEDDING_DIM), genuine


def scores_by_sklearn(dtype: str) -> Callable[[], Metrics]:
    """Return a function that reads its ROC curve at the last point whose FAR is not above the given one."""
    from sklearn import metrics as sklearn_metrics

    scores, genuine = many_scores(dtype)

    def run() -> Metrics:
        far_T, tar_T, _ = sklearn_metrics.roc_curve(genuine, scores)
        metrics = {f"TAR at {rate:g}": float(tar_T[np.searchsorted(far_T, rate, side="right") - 1]) for rate in RATES}
        return {**metrics, "AUC": float(sklearn_metrics.auc(far_T, tar_T))}

    return run


def scores_by_femb(dtype: str) -> Callable[[], Metrics]:
    """Return a function that computes all exact metrics, and the points of the curve that a plot needs."""
    scores, genuine = many_scores(dtype)

    def run() -> Metrics:
        curve = roc_curve(scores, genuine)
        metrics = {f"TAR at {rate:g}": tar_at_far(curve, rate).tar for rate in RATES}
        metrics["AUC"] = auc(curve)
        equal_error_rate(curve), d_prime(curve), roc_points(curve)
        return metrics

    return run


def many_scores(dtype: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Draw normally distributed scores with the genuine pairs at random places, without a second copy."""
    generator = np.random.default_rng(0)
    num_pairs = NUM_GENUINE + NUM_IMPOSTOR
    genuine = np.zeros(num_pairs, dtype=bool)
    genuine[generator.choice(num_pairs, NUM_GENUINE, replace=False, shuffle=False)] = True
    scores = generator.standard_normal(num_pairs, dtype=np.dtype(dtype).type)
    scores[genuine] += 5.0
    return scores, genuine


CONTESTANTS: dict[str, Callable[[Path], Callable[[], Metrics]]] = {
    "arcface_torch": folds_by_arcface_torch,
    "femb": folds_by_femb,
    "scikit-learn, float64": lambda _: scores_by_sklearn("float64"),
    "femb, float64": lambda _: scores_by_femb("float64"),
    "scikit-learn, float32": lambda _: scores_by_sklearn("float32"),
    "femb, float32": lambda _: scores_by_femb("float32"),
}
FOLDS = ("arcface_torch", "femb")
FLOAT64 = ("scikit-learn, float64", "femb, float64")
FLOAT32 = ("scikit-learn, float32", "femb, float32")


def contest(contestant: str, folder: Path) -> None:
    """Run one contestant and print the `Run` as JSON; a run on few pairs is repeated, so the first warms up."""
    run = CONTESTANTS[contestant](folder)
    if contestant in FOLDS:
        run()
    started = time.process_time()
    metrics = run()
    print(json.dumps(vars(Run(time.process_time() - started, peak_memory(), metrics))))


def peak_memory() -> int:
    """Return the most bytes that this process has held; /proc counts in KiB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(status["VmHWM"].split()[0])


def take_turns(contestants: tuple[str, ...], folder: Path, rounds: int) -> dict[str, list[Run]]:
    """Return the runs of all contestants."""
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name in contestants:
            command = [sys.executable, "-W", "ignore", __file__, "--arcface-torch", str(folder), "--contestant", name]
            answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
            runs[name].append(Run(**json.loads(answer.splitlines()[-1])))
    return runs


def print_table(title: str, runs: dict[str, list[Run]], tolerance: float) -> None:
    """Print one row for each contestant with its ratio to the first, then the metrics, which must agree."""
    print(f"\n{title}\n\n| what | CPU, s | times faster | peak of the process, MB |\n|---|--:|--:|--:|")
    rival, *_ = runs
    seconds = {name: statistics.median(run.cpu_seconds for run in of_one) for name, of_one in runs.items()}
    for name, of_one in runs.items():
        peak = max(run.peak for run in of_one) / 1e6
        print(f"| {name} | {seconds[name]:.4f} | {seconds[rival] / seconds[name]:.1f} | {peak:.0f} |")
    expected = runs[rival][0].metrics
    print("\n" + ", ".join(f"{name} {value:.10g}" for name, value in expected.items()))
    differences = [
        abs(run.metrics[name] - value) for of_one in runs.values() for run in of_one for name, value in expected.items()
    ]
    if max(differences) > tolerance:
        raise SystemExit(f"the metrics differ by up to {max(differences):.2g}")
    print(f"largest difference of a metric: {max(differences):.2g}", flush=True)


def main() -> None:
    """Run all contestants; in a contestant's process, run that one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arcface-torch", type=Path, required=True, help="insightface/recognition/arcface_torch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        contest(options.contestant, options.arcface_torch)
        return
    print(f"numpy {np.__version__}, {len(os.sched_getaffinity(0))} cores, {options.rounds} rounds")
    title = f"{NUM_PAIRS} pairs of {EMBEDDING_DIM} numbers, {NUM_FOLDS} folds (asked: 80 times faster)"
    print_table(title, take_turns(FOLDS, options.arcface_torch, options.rounds), 1e-9)
    title = f"{NUM_GENUINE} genuine and {NUM_IMPOSTOR} impostor scores (asked: 4 times faster, float32 below 500 MB)"
    for contestants in (FLOAT64, FLOAT32):
        print_table(title, take_turns(contestants, options.arcface_torch, options.rounds), 1e-9)


if __name__ == "__main__":
    main()
