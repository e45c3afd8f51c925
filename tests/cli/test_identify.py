"""`femb identify`: probes searched for in a gallery of stored embeddings."""

import json
from pathlib import Path

import numpy as np
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


def noise(path, order=slice(None)):
    """Two images each of fifty people, by a network that knows nothing."""
    rows = np.random.default_rng(0).normal(size=(100, 64))
    names = [f"person{row // 2:02d}/{row % 2}.jpg" for row in range(100)]
    save_npy(path, rows[order], names[order])


@pytest.mark.parametrize("gallery", ["noise.npy", "copy.npy"])
def test_a_probe_does_not_find_itself(femb, tmp_path, gallery):
    noise(tmp_path / "noise.npy")
    noise(tmp_path / "copy.npy", slice(None, None, -1))
    result = femb("identify", "noise.npy", gallery, "--json")
    metrics = json.loads(result.out)
    assert metrics["num_left_out"] == metrics["num_mated"] == 100
    assert metrics["rank_rate"]["1"] < 0.05
    assert metrics["rank_rate"]["20"] < 0.4
    assert "all 100 probes are in the gallery themselves: none of them is compared with itself" in result.err


def test_a_person_with_one_image_has_no_mate_but_itself(femb, save):
    save("faces", [("anna/1.jpg", (1, 0)), ("anna/2.jpg", (1, 0.1)), ("bert/1.jpg", (0, 1))])
    metrics = json.loads(femb("identify", "faces.npy", "faces.npy", "--json").out)
    assert (metrics["num_mated"], metrics["rank_rate"]["1"]) == (2, 1.0)
    assert "tpir_at_fpir" in metrics


def test_matches_say_who_matched_whom(femb, save):
    save("faces", [("anna/1.jpg", (1, 0)), ("anna/2.jpg", (1, 1)), ("bert/1.jpg", (0.8, 1))])
    assert femb("identify", "faces.npy", "faces.npy", "-o", "matches.csv").code == 0
    lines = Path("matches.csv").read_text().splitlines()
    assert lines[0] == "probe,best_entry,score,mate_rank"
    fields = [line.split(",") for line in lines[1:]]
    assert [(probe, best, rank) for probe, best, _, rank in fields] == [
        ("anna/1.jpg", "anna/2.jpg", "1"),
        ("anna/2.jpg", "bert/1.jpg", "2"),
        ("bert/1.jpg", "anna/2.jpg", ""),
    ]
    assert float(fields[0][2]) == pytest.approx(0.5**0.5)
    assert femb("identify", "faces.npy", "faces.npy", "-o", "matches.csv").code == 1
    assert femb("identify", "faces.npy", "faces.npy", "-o", "matches.json").code == 2


def test_a_gallery_that_names_the_probes_differently_is_warned_about(femb, save):
    save("probes", [("anna/1.jpg", (1, 0)), ("bert/1.jpg", (0, 1))])
    save("gallery", [("set/anna/1.jpg", (1, 0)), ("set/bert/1.jpg", (0.5, 1))])
    result = femb("identify", "probes.npy", "gallery.npy")
    assert "warning: 1 of 2 probes find an entry that has the same embedding and another name" in result.err
