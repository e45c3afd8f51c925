"""Results to report, made up."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from femb_cli.evaluation.metrics.groups import compare_groups
from femb_cli.evaluation.metrics.intervals import Interval
from femb_cli.evaluation.metrics.quality import discard_curve
from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.hardest import PicturedPair, hardest_pairs
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.score import VerificationMetrics, score_pairs


@dataclass(frozen=True)
class Scored:
    benchmark: str
    title: str
    model: str
    flip: str
    metrics: VerificationMetrics
    scores_N: np.ndarray
    genuine_N: np.ndarray

    def to_json(self) -> dict[str, Any]:
        return {"benchmark": self.benchmark, "model": self.model, "flip": self.flip, **self.metrics.to_json()}


def scored(folder: Path, scores: np.ndarray, model: str) -> Scored:
    """The scores belong to a genuine and an impostor pair in turn."""
    path = folder / "pairs.csv"
    path.write_text("ref,probe,mated\n" + "a/1.jpg,a/2.jpg,1\na/1.jpg,b/1.jpg,0\n" * (len(scores) // 2))
    pairs = read_pairs(path)
    metrics = score_pairs(scores, pairs, "exact")
    return Scored("toys", "Toys & dolls", model, "sum", metrics, scores, pairs.genuine_N)


def overlapping_scores(num_pairs: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    means = np.where(np.arange(num_pairs) % 2 == 0, 0.4, 0.0)
    return generator.normal(means, 0.15).clip(-1.0, 1.0)


def everything_known(result: Scored) -> ReportContents:
    """Extras of all kinds; the names want escaping."""
    scores, genuine = result.scores_N, result.genuine_N
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    places = np.concatenate(hardest_pairs(scores, genuine, count=2))
    labels = np.where(np.arange(len(scores)) % 4 < 2, "<old>", "new")
    return ReportContents(
        intervals={
            "accuracy": Interval(0.8125, 0.9125, level=0.9),
            "tar_at_far_1e-2": Interval(0.5, 0.75, level=0.9),
            "auc": Interval(0.97654, 0.98765, level=0.9),
        },
        interval_kind="bootstrap over pairs",
        quality="magnitude",
        discard=discard_curve(scores, genuine, np.abs(scores - 0.2), fmr=0.1),
        groups=[compare_groups(scores, genuine, labels.tolist(), grouping="age & make", far=0.1)],
        hardest=[
            PicturedPair("a/<1>.jpg", "b/2.jpg", bool(genuine[place]), float(scores[place]), picture, picture)
            for place in places
        ],
        card={"backbone": "iresnet50", "licence": "MIT & others"},
        warnings=["a <pair> is listed twice"],
    )
