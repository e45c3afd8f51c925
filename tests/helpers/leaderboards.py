"""Rows of a leaderboard."""

from femb_cli.evaluation.leaderboard import Entry

FIGURES = {"accuracy": 0.9, "accuracy_std": 0.01, "fnmr": 0.2, "eer": 0.1, "auc": 0.95}


def entry(model="a", benchmark="lfw", **changes) -> Entry:
    """A row of made-up figures."""
    about = {"date": "2026-01-01T00:00:00+00:00", "fingerprint": "f0", "protocol": "arcface", "flip": "sum"}
    numbers = {"genuine_pairs": 3000, "impostor_pairs": 3000, **FIGURES}
    return Entry(**{"model": model, "benchmark": benchmark, **about, **numbers, "femb_version": "1", **changes})
