"""Measure time and memory of scoring as many template pairs as IJB-C has, beside arcface_torch.

    python benchmarks/templates.py --arcface-torch insightface/recognition/arcface_torch

The rival is the function `verification` of eval_ijbc.py, taken out of the file because the file is a script. It uses
float64, as `femb verify --templates` does. The contestants take turns, each in its own process; the system counts their
peak memory. The pairs have IJB-C's number and shape: 15,658,489 of the 69 million that 3,531 templates of a gallery
and 19,593 probes can form. The templates are random unit vectors of 512 numbers. `--gallery 0` draws both sides from
all templates instead.
"""

import argparse
import ast
import contextlib
import io
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.templates.metrics import template_metrics
from femb_cli.evaluation.templates.mode import TemplateMode
from femb_cli.evaluation.templates.scores import template_scores


def main() -> None:
    """Run the contestants in turn and print their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--arcface-torch", type=Path, help="insightface/recognition/arcface_torch; left out: femb alone"
    )
    parser.add_argument("--pairs", type=int, default=15_658_489)
    parser.add_argument("--templates", type=int, default=23_124)
    parser.add_argument("--gallery", type=int, default=3_531)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contestant:
        print(json.dumps(_measure(arguments)))
        return
    contestants = ["femb float64", "femb float32", *(["arcface_torch"] if arguments.arcface_torch else [])]
    results: dict[str, list[dict[str, float]]] = {name: [] for name in contestants}
    for _ in range(arguments.rounds):
        for name in contestants:
            command = [sys.executable, __file__, *sys.argv[1:], "--contestant", name]
            results[name].append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
            print(name, results[name][-1], file=sys.stderr)
    _print_table(results)


def _measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Return a contestant's time, its peak memory and the largest deviation of its scores from float64."""
    features, left, right, genuine = _templates(arguments.templates, arguments.gallery, arguments.pairs)
    if arguments.contestant != "arcface_torch":
        features = features.astype(arguments.contestant.split()[1])
        start = time.perf_counter()
        scores = template_scores(features, left, right)
        seconds = time.perf_counter() - start
        scoring_peak = _peak_megabytes()
        start = time.perf_counter()
        template_metrics(
            scores, genuine, num_templates=len(features), num_images=len(features), mode=TemplateMode(flip=None)
        )
        extra = {"metrics_s": time.perf_counter() - start, "scoring_mb": scoring_peak}
    else:
        verification = _official_verification(arguments.arcface_torch / "eval_ijbc.py")
        wide, numbers = features.astype(np.float64), np.arange(len(features))
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            scores = verification(wide, numbers, left, right)
        seconds, extra = time.perf_counter() - start, {"scoring_mb": _peak_megabytes()}
    peak = _peak_megabytes()
    some = slice(0, 10_000)
    exact = np.einsum("pd,pd->p", features[left[some]].astype(np.float64), features[right[some]].astype(np.float64))
    return {"s": seconds, "mb": peak, **extra, "deviation": float(np.abs(scores[some] - exact).max())}


def _templates(
    num_templates: int, num_gallery: int, num_pairs: int
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]:
    """Draw unit vectors and pairs of them, sorted by the first; as on IJB-C, about one in 800 is genuine."""
    generator = np.random.default_rng(0)
    features = generator.standard_normal((num_templates, 512), dtype=np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    shuffled = generator.permutation(num_templates).astype(np.int32)
    gallery, probes = (shuffled[:num_gallery], shuffled[num_gallery:]) if num_gallery else (shuffled, shuffled)
    left = np.sort(gallery)[np.sort(generator.integers(0, len(gallery), num_pairs, dtype=np.int32))]
    right = probes[generator.integers(0, len(probes), num_pairs, dtype=np.int32)]
    return features, left, right, generator.random(num_pairs, dtype=np.float32) < 1 / 800


def _official_verification(script: Path) -> Callable[..., NDArray[Any]]:
    """Return the function `verification` of a script that cannot be imported."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "verification")
    scope: dict[str, Any] = {"np": np}
    exec(compile(ast.Module([function], []), str(script), "exec"), scope)
    return scope["verification"]


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _print_table(results: dict[str, list[dict[str, float]]]) -> None:
    """Print the medians, and each time as a multiple of femb's in float64."""
    femb = statistics.median(result["s"] for result in results["femb float64"])
    print("| who | scoring, s | times femb float64 | peak while scoring, MB | peak with all metrics, MB | deviation |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, runs in results.items():
        medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        print(
            f"| {name} | {medians['s']:.2f} | {medians['s'] / femb:.1f} | {medians['scoring_mb']:.0f} "
            f"| {medians['mb']:.0f} | {medians['deviation']:.1e} |"
        )


if __name__ == "__main__":
    main()
