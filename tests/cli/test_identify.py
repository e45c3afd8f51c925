"""`femb identify`: probes searched for in a gallery of stored embeddings."""

import json

import numpy as np
import pytest


@pytest.fixture
def save(tmp_path):
    def save(name, rows):
        np.save(tmp_path / f"{name}.npy", np.array([row for _, row in rows], dtype=np.float32))
        (tmp_path / f"{name}.txt").write_text("".join(f"{image}\n" for image, _ in rows))

    return save


def test_rank_rates_are_of_probes_with_a_mate(femb, save):
    save("gallery", [("g/anna/1.jpg", (1, 0)), ("g/bert/1.jpg", (0, 1)), ("distractor.jpg", (1, 1))])
    save("probes", [("p/anna/2.jpg", (1, 0.1)), ("p/bert/2.jpg", (0.9, 1))])
    result = femb("identify", "probes.npy", "gallery.npy", "--json")
    assert result.code == 0, result.err
    metrics = json.loads(result.out)
    assert (metrics["num_probes"], metrics["num_mated"], metrics["num_gallery"]) == (2, 2, 3)
    assert metrics["rank_rate"] == {"1": 0.5, "5": 1.0, "10": 1.0, "20": 1.0}
    assert "tpir_at_fpir" not in metrics


def test_probes_without_a_mate_make_it_an_open_set(femb, save):
    save("gallery", [("anna/1.jpg", (1, 0)), ("bert/1.jpg", (0, 1))])
    save("probes", [("anna/2.jpg", (1, 0)), ("bert/2.jpg", (-1, 0.1)), ("carl/1.jpg", (1, 0.5))])
    result = femb("identify", "probes.npy", "gallery.npy")
    assert result.code == 0, result.err
    assert "TPIR at FPIR 1e-3   50.00 %" in result.out


def test_a_gallery_of_others_is_one_clear_error(femb, save):
    save("gallery", [("anna/1.jpg", (1, 0))])
    save("probes", [("bert/1.jpg", (1, 0))])
    result = femb("identify", "probes.npy", "gallery.npy")
    assert result.code == 1
    assert "no probe has a mate" in result.err
