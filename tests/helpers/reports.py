"""Verifications of made-up scores, and reports with everything in them."""

from pathlib import Path

import numpy as np

from femb_cli.evaluation.metrics.bands import ErrorBand
from femb_cli.evaluation.metrics.groups import compare_groups
from femb_cli.evaluation.metrics.intervals import Interval
from femb_cli.evaluation.metrics.quality import discard_curve
from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.hardest import PicturedPair, hardest_pairs
from femb_cli.evaluation.report.quality_images import PicturedImage
from femb_cli.evaluation.verification.confidence import Confidence
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.pairs import PairList
from femb_cli.evaluation.verification.result import Verification
from femb_cli.evaluation.verification.score import EmbeddedPairs, score_pairs


def scored(folder: Path, scores: np.ndarray, model: str) -> Verification:
    """A verification whose scores belong to a genuine and an impostor pair in turn."""
    path = folder / "pairs.csv"
    path.write_text("ref,probe,mated\n" + "a/1.jpg,a/2.jpg,1\na/1.jpg,b/1.jpg,0\n" * (len(scores) // 2))
    pairs = read_pairs(path)
    return Verification(
        benchmark="toys",
        title="Toys & dolls",
        model=model,
        flip="sum",
        metrics=score_pairs(scores, pairs, "exact"),
        scores_N=scores,
        pairs=pairs,
        embedded=embedded_with_scores(pairs, scores),
    )


def embedded_with_scores(pairs: PairList, scores: np.ndarray) -> EmbeddedPairs:
    """Embeddings whose cosines are the scores, two for each pair."""
    left = np.tile([1.0, 0.0], (len(pairs), 1))
    right = np.stack([scores, np.sqrt(1 - scores**2)], axis=1)
    return EmbeddedPairs(np.concatenate([left, right]), np.arange(len(pairs)), len(pairs) + np.arange(len(pairs)))


def overlapping_scores(num_pairs: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    means = np.where(np.arange(num_pairs) % 2 == 0, 0.4, 0.0)
    return generator.normal(means, 0.15).clip(-1.0, 1.0)


def everything_known(result: Verification) -> ReportContents:
    """Contents of all kinds; the names need escaping."""
    scores, genuine = result.scores_N, result.genuine_N
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    places = np.concatenate(hardest_pairs(scores, genuine, count=2))
    labels = np.where(np.arange(len(scores)) % 4 < 2, "<old>", "new")
    return ReportContents(
        confidence=Confidence(
            {
                "accuracy": Interval(0.8125, 0.9125, level=0.9),
                "tar_at_far_1e-2": Interval(0.5, 0.75, level=0.9),
                "auc": Interval(0.97654, 0.98765, level=0.9),
            },
            "bootstrap over pairs",
            ErrorBand(np.array([0.01, 0.1, 1.0]), np.array([0.2, 0.1, 0.0]), np.array([0.6, 0.3, 0.0]), level=0.9),
        ),
        quality="magnitude",
        discard=discard_curve(scores, genuine, np.abs(scores - 0.2), fmr=0.1),
        groups=[compare_groups(scores, genuine, labels.tolist(), grouping="age & make", far=0.1)],
        magnitudes_I=20 + scores,
        lowest=[PicturedImage("/home/alice/a/<1>.jpg", 12.5, picture)],
        highest=[PicturedImage("b/2.jpg", 25.0, picture)],
        hardest=[
            PicturedPair("a/<1>.jpg", "b/2.jpg", bool(genuine[place]), float(scores[place]), picture, picture)
            for place in places
        ],
        card={"backbone": "iresnet50", "licence": "MIT & others", "init": "/home/alice/start"},
        warnings=["a <pair> is listed twice"],
    )
