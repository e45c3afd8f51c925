"""Confidence intervals of a verification: of subjects where they are known, else of pairs."""

from pathlib import Path

import numpy as np
import pytest
from stored_embeddings import save_npy

from femb_cli.evaluation.verification import confidence
from femb_cli.evaluation.verification.confidence import confidence_intervals
from femb_cli.evaluation.verification.result import Verification, verify_embeddings


def verification(folder: Path, names: list[str]) -> Verification:
    """Two images of each of 30 people; each person is in one genuine and in two impostor pairs."""
    generator = np.random.default_rng(0)
    people = np.repeat(generator.normal(size=(30, 8)), 2, axis=0)
    save_npy(folder / "e.npy", people + 0.7 * generator.normal(size=people.shape), names)
    lines = [f"{names[2 * person]},{names[2 * person + 1]},1" for person in range(30)]
    lines += [f"{names[2 * person]},{names[(2 * person + 2) % 60]},0" for person in range(30)]
    (folder / "pairs.csv").write_text("\n".join(["ref,probe,mated", *lines]) + "\n")
    return verify_embeddings(folder / "pairs.csv", folder / "e.npy")


IN_FOLDERS = [f"{place // 2}/{place % 2}.jpg" for place in range(60)]
IN_ONE_FOLDER = [f"{place}.jpg" for place in range(60)]


@pytest.mark.parametrize(
    ("names", "method"),
    [(IN_FOLDERS, "bootstrap over subjects"), (IN_ONE_FOLDER, "bootstrap over pairs")],
)
def test_every_metric_has_an_interval_around_it(tmp_path, names, method):
    result = verification(tmp_path, names)
    known = confidence_intervals(result)
    assert known.method == method
    metrics = {name: getattr(result.metrics, name) for name in ("accuracy", "eer", "auc", "d_prime")}
    metrics |= {f"tar_at_far_{rate}": tar for rate, tar in result.metrics.tar_at_far.items()}
    metrics |= {f"fnmr_at_fmr_{rate}": fnmr for rate, fnmr in result.metrics.fnmr_at_fmr.items()}
    metrics |= {f"threshold_at_fmr_{rate}": value for rate, value in result.metrics.threshold_at_fmr.items()}
    assert known.intervals.keys() == metrics.keys()
    for name, interval in known.intervals.items():
        assert interval.low <= metrics[name] <= interval.high, name
        assert interval.level == 0.95


def test_the_same_result_has_the_same_intervals(tmp_path):
    result = verification(tmp_path, IN_FOLDERS)
    assert confidence_intervals(result) == confidence_intervals(result)


def test_too_many_pairs_are_resampled_as_pairs(tmp_path, monkeypatch):
    monkeypatch.setattr(confidence, "MOST_PAIRS_BY_SUBJECT", 59)
    assert confidence_intervals(verification(tmp_path, IN_FOLDERS)).method == "bootstrap over pairs"


def test_too_few_subjects_are_resampled_as_pairs(tmp_path):
    save_npy(tmp_path / "e.npy", [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]], ["a/1", "a/2", "b/1", "b/2"])
    (tmp_path / "pairs.csv").write_text("ref,probe,mated\na/1,a/2,1\nb/1,b/2,1\na/1,b/1,0\na/2,b/2,0\n")
    result = verify_embeddings(tmp_path / "pairs.csv", tmp_path / "e.npy")
    assert confidence_intervals(result).method == "bootstrap over pairs"
