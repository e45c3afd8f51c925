"""`femb verify --templates`."""

import json

import numpy as np
import pytest
from stored_embeddings import describe

from femb_cli.evaluation.embeddings.formats import FORMATS


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


def test_a_file_that_describes_itself_names_its_model(femb, templates, tmp_path):
    folder, _ = templates
    names = [line.split()[0] for line in (folder / "meta" / "ijbc_face_tid_mid.txt").read_text().splitlines()]
    rows = np.load("features.npy")[:, :128]
    FORMATS[".npz"].write(tmp_path / "e.npz", rows, names, describe(rows, names, model="net", flip="sum"), {})
    document = json.loads(femb("verify", "--templates", folder, "--embeddings", "e.npz", "--json").out)
    assert (document["model"], document["embeddings"], document["mode"]) == ("net", "e.npz", "N1D1")


def test_halves_that_are_of_one_embedding_are_warned_about(femb, templates):
    folder, _ = templates
    np.save("single.npy", np.load("features.npy")[:, :128])
    result = femb("verify", "--templates", folder, "--embeddings", "single.npy")
    assert "for rows of one embedding use the mode N1D1" in result.err


def test_template_rates_may_be_gated(femb, templates):
    folder, _ = templates
    result = femb("verify", "--templates", folder, "--embeddings", "features.npy", "--max-fnmr", "0.01@1e-4")
    assert result.code == 1
    assert "FNMR 0.0221 at FMR 0.0001 is above 0.01" in result.err


def test_templates_that_cannot_be_read_are_refused(femb, templates, tmp_path):
    folder, _ = templates
    (tmp_path / "text.npy").write_text("no array")
    for file, word in (("text.npy", "cannot read"), ("absent.npy", "does not exist")):
        result = femb("verify", "--templates", folder, "--embeddings", file)
        assert result.code == 1
        assert word in result.err
