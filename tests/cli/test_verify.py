"""`femb verify --pairs --embeddings`: every protocol by name, and pairs that have no metrics."""

import json

import numpy as np
import pytest
from stored_embeddings import GENUINE, IMPOSTOR, ROWS, store

from femb_cli.evaluation.metrics.protocols import PROTOCOL_NAMES


@pytest.fixture
def lfw(shared, tmp_path):
    """LFW's golden embeddings without mirror images, as `femb embed` would have written them."""
    folder = shared / "golden" / "verification"
    stored = np.load(folder / "lfw_embeddings.npz")
    np.save(tmp_path / "lfw.npy", stored["original"])
    np.save(tmp_path / "lfw_flip.npy", stored["original"].astype(np.float64) + stored["flipped"])
    for name in ("lfw", "lfw_flip"):
        (tmp_path / f"{name}.txt").write_bytes(b"".join(line + b"\n" for line in stored["names"]))
    return folder / "lfw_pairs.txt", json.loads((folder / "lfw_expected.json").read_text())


@pytest.mark.parametrize("protocol", PROTOCOL_NAMES)
def test_every_accuracy_names_its_protocol(femb, protocol):
    result = femb(*store(), "--protocol", protocol, "--json")
    assert result.code == 0, result.err
    metrics = json.loads(result.out)
    assert (metrics["protocol"], metrics["accuracy"]) == (protocol, 1.0)


@pytest.mark.parametrize(
    ("protocol", "file", "key"),
    [
        ("arcface", "lfw_flip", ("arcface_torch",)),
        ("xqlfw", "lfw", ("xqlfw_no_flip",)),
        ("xqlfw", "lfw_flip", ("xqlfw_flip_sum",)),
        ("magface", "lfw", ("magface_1v1", "subtract_mean")),
        ("magface-no-mean", "lfw", ("magface_1v1", "no_subtract_mean")),
        ("exact", "lfw", ("cosine_no_flip", "kfold_data_thresholds", "highest")),
    ],
)
def test_golden_accuracies_on_real_faces(femb, lfw, protocol, file, key):
    pairs, expected = lfw
    result = femb("verify", "--pairs", pairs, "--embeddings", f"{file}.npy", "--protocol", protocol, "--json")
    assert result.code == 0, result.err
    for part in key:
        expected = expected[part]
    metrics = json.loads(result.out)
    assert metrics["accuracy"] == pytest.approx(expected["acc_mean"], abs=1e-12)
    assert metrics["accuracy_std"] == pytest.approx(expected["acc_std"], abs=1e-12)


def test_arcface_torchs_own_tar_has_its_own_name(femb, lfw):
    pairs, expected = lfw
    result = femb("verify", "--pairs", pairs, "--embeddings", "lfw_flip.npy", "--json")
    official, metrics = expected["arcface_torch"]["val_at_far_1e3"], json.loads(result.out)
    assert metrics["arcface_torch_val_at_far_1e3"] == pytest.approx(
        {key: official[key] for key in ("val", "val_std", "far")}, abs=1e-12
    )
    assert metrics["tar_at_far"]["1e-3"] != pytest.approx(official["val"], abs=1e-4)


def test_a_benchmark_may_be_scored_by_another_rule_than_its_own(femb, trained):
    common = ("verify", "--dataset", "synthetic", "-m", trained, "--json")
    own, other = json.loads(femb(*common).out), json.loads(femb(*common, "--protocol", "magface").out)
    assert (own["protocol"], other["protocol"]) == ("arcface", "magface")
    assert other["flip"] == "none"


def test_an_unknown_protocol_is_refused_with_the_choices(femb):
    result = femb(*store(), "--protocol", "lfw")
    assert result.code == 2
    assert "magface-no-mean" in result.err


def damaged(value):
    rows = np.array(ROWS)
    rows[1] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "pairs", "word"),
    [
        (ROWS, GENUINE, "2 genuine and 0 impostor pairs"),
        (ROWS, IMPOSTOR, "0 genuine and 2 impostor pairs"),
        (ROWS, [GENUINE[0], IMPOSTOR[0]], "needs two folds or more"),
        (damaged(np.nan), [*GENUINE, *IMPOSTOR], "'a/2.jpg', is not finite"),
        (damaged(np.inf), [*GENUINE, *IMPOSTOR], "'a/2.jpg', is not finite"),
        (damaged(0.0), [*GENUINE, *IMPOSTOR], "'a/2.jpg', is zero"),
        (
            ROWS,
            [*GENUINE, *IMPOSTOR, "a/1.jpg,a/1.jpg,0"],
            "line 6 (a/1.jpg, a/1.jpg): the image is paired with itself",
        ),
        (
            ROWS,
            [*GENUINE, *IMPOSTOR, "a/1.jpg,a/1.jpg,1"],
            "line 6 (a/1.jpg, a/1.jpg): the image is paired with itself",
        ),
    ],
)
def test_pairs_without_metrics_are_refused(femb, rows, pairs, word):
    result = femb(*store(rows, pairs))
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: ")
    assert word in result.err
    assert "Traceback" not in result.err


def test_a_pair_that_is_listed_twice_counts_twice_with_a_warning(femb):
    result = femb(*store(pairs=[*GENUINE, *IMPOSTOR, "a/2.jpg,a/1.jpg,1"]), "--json")
    assert json.loads(result.out)["num_genuine"] == 3
    assert "line 6 (a/2.jpg, a/1.jpg): the pair is listed before (1 repeated pair of 5)" in result.err


@pytest.mark.parametrize(
    "options",
    [
        ("--templates", "ijb"),
        ("--templates", "ijb", "--embeddings", "x.npy", "--min-accuracy", "0.9"),
        ("--templates", "ijb", "--embeddings", "x.npy", "--pairs", "pairs.csv"),
        ("--pairs", "pairs.csv", "--embeddings", "x.npy", "--ijb-mode", "N1D1"),
    ],
)
def test_options_that_do_not_go_together_are_usage_errors(femb, options):
    assert femb("verify", *options).code == 2
