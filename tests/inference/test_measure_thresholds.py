"""Thresholds measured on scored pairs."""

import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from stored_embeddings import save_npy
from thresholds import threshold

from femb_cli.checkpoints.restate import restate
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.errors import FembError
from femb_cli.evaluation.verification.result import verify_embeddings
from femb_cli.inference.measure_thresholds import (
    few_pairs_warning,
    measure_thresholds,
    open_to_store,
    store_thresholds,
)

PEOPLE, IMAGES = 12, 3


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """All pairs of 36 embeddings of 12 people: 36 genuine and 594 impostor pairs."""
    folder = tmp_path_factory.mktemp("pairs")
    names = [f"p{person}/{image}.jpg" for person in range(PEOPLE) for image in range(IMAGES)]
    generator = np.random.default_rng(0)
    centres = np.repeat(generator.normal(size=(PEOPLE, 8)), IMAGES, axis=0)
    save_npy(folder / "faces.npy", centres + 0.8 * generator.normal(size=centres.shape), names)
    rows = [
        f"{left},{right},{int(Path(left).parent == Path(right).parent)},{Path(left).parent},{Path(right).parent}"
        for left, right in combinations(names, 2)
    ]
    (folder / "pairs.csv").write_text("\n".join(["ref,probe,mated,ref_subject,probe_subject", *rows]) + "\n")
    return replace(verify_embeddings(folder / "pairs.csv", folder / "faces.npy"), flip="none")


def test_the_rates_at_a_threshold_are_those_of_the_pairs(result):
    (measured,) = measure_thresholds(result, [0.05])
    impostor, genuine = result.scores_N[~result.genuine_N], result.scores_N[result.genuine_N]
    assert measured.false_matches == (impostor >= measured.cosine).sum() == 29  # floor(0.05 x 594)
    assert measured.fnmr == pytest.approx((genuine < measured.cosine).mean())
    assert measured.fnmr_low <= measured.fnmr <= measured.fnmr_high
    assert measured.intervals == "bootstrap over subjects"
    assert (measured.measured_on, measured.alignment) == ("pairs.csv", "as given")
    assert measured.impostor_scores.num_scores == len(impostor)
    assert measured.impostor_scores.scores[0] == pytest.approx(impostor.max(), abs=1e-6)
    assert measured.genuine_scores.scores[0] == pytest.approx(genuine.min(), abs=1e-6)


def test_too_few_impostor_pairs_are_refused_with_the_number_that_is_needed(result):
    with pytest.raises(FembError, match=r"594 impostor pairs, too few for a threshold at FMR 1e-3: 3,000 are") as error:
        measure_thresholds(result, [0.05, 1e-3])
    assert "an FMR of" in error.value.hint


def test_an_fmr_that_few_false_matches_decide_is_warned_of(result):
    (warning,) = few_pairs_warning(measure_thresholds(result, [0.05, 0.01]))
    assert "FMR 1e-2 on pairs.csv rests on 5 false matches of 594 impostor pairs" in warning
    assert "1,000 impostor pairs make it reliable" in warning


def test_thresholds_are_never_stored_with_other_weights_than_those_that_were_measured(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run", symlinks=True)
    measured = open_to_store(tmp_path / "run", [1e-2], overwrite=False)
    newer = tmp_path / "run/checkpoints/step-000099"
    shutil.copytree(measured.path, newer)
    with pytest.raises(FembError, match="has changed while it was verified"):
        store_thresholds(tmp_path / "run", measured, [threshold()])
    shutil.rmtree(newer)
    restate(measured, replace(measured.card, fingerprint=""))
    with pytest.raises(FembError, match="has changed while it was verified"):
        store_thresholds(tmp_path / "run", measured, [threshold()])
    assert open_checkpoint(tmp_path / "run").card.thresholds == ()
