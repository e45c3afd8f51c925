"""Embeddings of one network from several places."""

from contextlib import nullcontext

import numpy as np
import pytest
from stored_embeddings import describe, save_npy

from femb_cli.data.open import open_source
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.read import read_embeddings
from femb_cli.inference.comparable import EmbeddingSettings, read_comparable
from femb_cli.inference.embed_to_file import embed_to_file
from femb_cli.inference.embedder import load_embedder


@pytest.fixture
def gallery(trained, tmp_path):
    """The run's samples, embedded with mirror images."""
    embed_to_file(load_embedder(trained, "cpu"), open_source(trained / "samples"), tmp_path / "gallery.npy", flip=True)
    return tmp_path / "gallery.npy"


def read(*paths, **settings):
    shown = []
    made = read_comparable(
        paths,
        EmbeddingSettings(device="cpu", **settings),
        warn=shown.append,
        show_progress=lambda label: nullcontext(shown.append(label)),
    )
    return made, shown


def test_images_are_embedded_as_the_stored_embeddings_were(trained, gallery):
    (queries, entries), _ = read(trained / "samples", gallery)
    np.testing.assert_allclose(queries.rows_ND, entries.rows_ND, rtol=1e-5, atol=1e-6)
    assert queries.description == entries.description


def test_what_is_asked_for_goes_before_what_is_stored(trained, gallery):
    (queries, entries), _ = read(trained / "samples", gallery, flip=False)
    assert (queries.description.flip, entries.description.flip) == ("none", "sum")


def test_a_path_that_is_named_twice_is_embedded_once(trained):
    (queries, entries), shown = read(trained / "samples", trained / "samples", model=trained)
    assert queries is entries
    assert sum(text.startswith("embedding ") for text in shown) == 1


def test_another_model_is_refused_before_the_images_are_embedded(trained, tmp_path, gallery):
    rows = read_embeddings(gallery).rows_ND
    names = read_embeddings(gallery).names
    save_npy(tmp_path / "other.npy", rows, names, describe(rows, names, model="other", weights="ff"))
    with pytest.raises(FembError, match=r"come from two networks: .*run and other"):
        read(trained / "samples", tmp_path / "other.npy", model=trained)


def test_a_model_that_is_gone_must_be_named(trained, tmp_path, gallery, monkeypatch):
    monkeypatch.setenv("FEMB_RUNS_DIR", str(tmp_path / "runs"))
    rows, names = read_embeddings(gallery).rows_ND, read_embeddings(gallery).names
    save_npy(tmp_path / "moved.npy", rows, names, describe(rows, names, model="gone"))
    with pytest.raises(FembError, match="no finished run") as caught:
        read(trained / "samples", tmp_path / "moved.npy")
    assert "--model" in caught.value.hint
