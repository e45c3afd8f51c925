"""`femb identify`: probes searched for in a gallery of stored embeddings."""

import json

import pytest
from stored_embeddings import describe, save_npy

GALLERY = [("anna/1.jpg", (1, 0)), ("bert/1.jpg", (0, 1))]
PROBES = [("anna/2.jpg", (1, 0.1)), ("bert/2.jpg", (0.9, 1))]


@pytest.fixture
def save(tmp_path):
    def save(name, images, **described):
        names, rows = zip(*images, strict=True)
        description = describe(rows, names, **described) if described else None
        save_npy(tmp_path / f"{name}.npy", rows, names, description)

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


def test_the_embeddings_of_two_networks_are_not_compared(femb, save):
    save("gallery", GALLERY, weights="a", model="net a")
    save("probes", PROBES, weights="b", model="net b")
    result = femb("identify", "probes.npy", "gallery.npy")
    assert result.code == 1
    assert "probes.npy and gallery.npy come from two networks: net b and net a" in result.err
    assert "embed both with one model" in result.err


def test_other_mirror_images_are_warned_about(femb, save):
    save("gallery", GALLERY, flip="sum")
    save("probes", PROBES, flip="none")
    result = femb("identify", "probes.npy", "gallery.npy")
    assert result.code == 0
    assert "warning: probes.npy was embedded with flip none, gallery.npy with flip sum" in result.err


def test_a_file_that_says_nothing_about_its_model_is_named(femb, save):
    save("gallery", GALLERY)
    save("probes", PROBES, weights="a")
    result = femb("identify", "probes.npy", "gallery.npy")
    assert (result.code, result.err) == (0, "nothing is known about the model of gallery.npy\n")


def test_names_of_another_call_are_refused(femb, save, tmp_path):
    save("gallery", GALLERY, weights="a")
    (tmp_path / "gallery.txt").write_text("bert/1.jpg\nanna/1.jpg\n")
    result = femb("identify", "gallery.npy", "gallery.npy")
    assert result.code == 1
    assert "gallery.txt does not belong to gallery.npy" in result.err
