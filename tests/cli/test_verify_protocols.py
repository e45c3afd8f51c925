"""`femb verify` over stored embeddings: every protocol by name, gates, templates, and sets that allow no figure."""

import json
from pathlib import Path

import numpy as np
import pytest

from femb_cli.evaluation.metrics.protocols import PROTOCOL_NAMES

ROWS = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]
NAMES = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]
GENUINE = ["a/1.jpg,a/2.jpg,1", "b/1.jpg,b/2.jpg,1"]
IMPOSTOR = ["a/1.jpg,b/1.jpg,0", "a/2.jpg,b/2.jpg,0"]


def store(rows=ROWS, pairs=(*GENUINE, *IMPOSTOR), name="embeddings"):
    """Write embeddings with their names, and pairs, to the folder that the command runs in."""
    np.save(f"{name}.npy", np.asarray(rows, dtype=np.float32))
    Path(f"{name}.txt").write_text("".join(f"{line}\n" for line in NAMES))
    Path("pairs.csv").write_text("\n".join(["ref,probe,mated", *pairs]) + "\n")
    return "verify", "--pairs", "pairs.csv", "--embeddings", f"{name}.npy"


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
def test_every_protocol_is_said_with_its_accuracy(femb, protocol):
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


@pytest.mark.parametrize(("limit", "code"), [("0.5@1e-3", 0), ("0.4@1e-3", 1), ("0.5", 0), ("0.4", 1), ("0@1", 0)])
def test_the_fnmr_gate(femb, limit, code):
    worse = [[1.0, 0.0], [0.0, 1.0], [0.1, 1.0], [0.1, 1.0]]
    result = femb(
        *store(worse, [GENUINE[0], GENUINE[1], "a/1.jpg,b/1.jpg,0", "a/1.jpg,b/2.jpg,0"]), "--max-fnmr", limit
    )
    assert result.code == code, result.err
    if code:
        assert "embeddings.npy on pairs.csv: FNMR 0.5000 at FMR 0.001 is above 0.4" in result.err


def test_both_gates_speak(femb):
    worse = [[1.0, 0.0], [0.0, 1.0], [0.1, 1.0], [0.1, 1.0]]
    result = femb(*store(worse), "--max-fnmr", "0.1", "--min-accuracy", "0.99")
    assert result.code == 1
    assert "(arcface) is below 0.99" in result.err
    assert "is above 0.1" in result.err


@pytest.mark.parametrize("limit", ["x", "2", "0.1@", "0.1@7", "-0.1", "nan"])
def test_a_gate_that_is_no_rate_is_a_usage_error(femb, limit):
    result = femb(*store(), f"--max-fnmr={limit}")
    assert result.code == 2
    assert "--max-fnmr" in result.err


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
def test_a_set_that_allows_no_figure_gets_a_word(femb, rows, pairs, word):
    result = femb(*store(rows, pairs))
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: ")
    assert word in result.err
    assert "Traceback" not in result.err


def test_a_pair_that_is_listed_twice_counts_twice_and_is_warned_of(femb):
    result = femb(*store(pairs=[*GENUINE, *IMPOSTOR, "a/2.jpg,a/1.jpg,1"]), "--json")
    assert json.loads(result.out)["num_genuine"] == 3
    assert "line 6 (a/2.jpg, a/1.jpg): the pair is listed before (1 repeated pairs of 5)" in result.err


@pytest.fixture
def templates(shared, tmp_path):
    """The golden set in the format of IJB-C, its features as an array without names."""
    folder = shared / "golden" / "verification" / "ijb_like"
    np.save(tmp_path / "features.npy", np.load(folder / "image_features.npz")["features"])
    return folder, json.loads((folder / "expected.json").read_text())


@pytest.mark.parametrize("mode", [None, "N1D1F0", "N0D1F1", "N1D0F1", "N0D0F0"])
def test_golden_template_rates(femb, templates, mode):
    folder, expected = templates
    options = () if mode is None else ("--ijb-mode", mode)
    result = femb("verify", "--templates", folder, "--embeddings", "features.npy", *options, "--json")
    assert result.code == 0, result.err
    metrics = json.loads(result.out)
    golden = expected[mode or "N1D1F1"]
    assert metrics["mode"] == (mode or "N1D1F1")
    assert metrics["auc"] == pytest.approx(golden["auc"], abs=1e-9)
    for row, rate in zip(golden["official_unrounded"], metrics["official_tpr_at_fpr"].values(), strict=True):
        assert any(rate == pytest.approx(tpr, abs=1e-12) for tpr in row.get("equally_near_tpr", [row["tpr"]]))


def test_what_femb_embed_wrote_is_found_by_name_and_has_its_flip_in_it(femb, templates, tmp_path):
    folder, _ = templates
    common = ("verify", "--templates", folder, "--json", "--embeddings")
    summed = np.load("features.npy").astype(np.float64)
    summed = summed[:, :128] + summed[:, 128:]
    names = [line.split()[0] for line in (folder / "meta" / "ijbc_face_tid_mid.txt").read_text().splitlines()]
    order = np.argsort(names)
    np.save("embedded.npy", summed[order])
    (tmp_path / "embedded.txt").write_text("".join(f"crops/{names[row]}\n" for row in order))
    embedded, official = json.loads(femb(*common, "embedded.npy").out), json.loads(femb(*common, "features.npy").out)
    assert embedded["mode"] == "N1D1"
    assert embedded["official_tpr_at_fpr"] == official["official_tpr_at_fpr"]


def test_halves_that_are_of_one_embedding_are_warned_of(femb, templates):
    folder, _ = templates
    np.save("single.npy", np.load("features.npy")[:, :128])
    result = femb("verify", "--templates", folder, "--embeddings", "single.npy")
    assert "for rows of one embedding use the mode N1D1" in result.err


def test_template_rates_may_be_gated(femb, templates):
    folder, _ = templates
    result = femb("verify", "--templates", folder, "--embeddings", "features.npy", "--max-fnmr", "0.01@1e-4")
    assert result.code == 1
    assert "FNMR 0.0221 at FMR 0.0001 is above 0.01" in result.err


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


def test_templates_that_cannot_be_read_get_a_word(femb, templates, tmp_path):
    folder, _ = templates
    (tmp_path / "text.npy").write_text("no array")
    for file, word in (("text.npy", "cannot read"), ("absent.npy", "cannot read")):
        result = femb("verify", "--templates", folder, "--embeddings", file)
        assert result.code == 1
        assert word in result.err
