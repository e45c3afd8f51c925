"""Thresholds of an invented measurement."""

from femb_cli.checkpoints.threshold import Threshold
from femb_cli.evaluation.metrics.score_tail import ScoreTail


def threshold(fmr: float = 1e-3, cosine: float = 0.3, **changes: object) -> Threshold:
    entries = {
        "false_matches": 3,
        "fnmr": 0.01,
        "fnmr_low": 0.005,
        "fnmr_high": 0.02,
        "intervals": "bootstrap over subjects",
        "measured_on": "lfw",
        "flip": "sum",
        "alignment": "as given",
        "impostor_scores": ScoreTail("highest", (1, 2, 3000), (0.4, 0.3, -0.4)),
        "genuine_scores": ScoreTail("lowest", (1, 2, 3000), (0.1, 0.2, 0.9)),
    }
    return Threshold(fmr, cosine, **{**entries, **changes})
