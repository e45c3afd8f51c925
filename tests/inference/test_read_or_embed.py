"""Embeddings that are read, or made on the way."""

import numpy as np
import pytest
from linear_embedder import linear_embedder
from pictures import people
from stored_embeddings import NAMES, ROWS, describe, save_npy

from femb_cli.errors import FembError
from femb_cli.inference.align import Alignment
from femb_cli.inference.embed_to_file import embed_to_file
from femb_cli.inference.read_or_embed import read_or_embed

AS_GIVEN = Alignment("never")


def no_embedder():
    raise AssertionError("stored embeddings need no model")


def test_stored_embeddings_are_read_without_a_model(tmp_path):
    save_npy(tmp_path / "faces.npy", ROWS, NAMES, describe(ROWS, NAMES))
    stored = read_or_embed(tmp_path / "faces.npy", no_embedder)
    assert isinstance(stored.rows_ND, np.memmap)
    assert stored.names == NAMES


@pytest.mark.parametrize("flip", [True, False])
def test_images_give_what_embed_would_have_stored(tmp_path, flip):
    from femb_cli.data.open import open_source
    from femb_cli.evaluation.embeddings.read import read_embeddings

    folder = people(tmp_path / "photos", {"anna": 2, "bert": 1})
    embedder = linear_embedder()
    made = read_or_embed(folder, alignment=AS_GIVEN, embedder=lambda: embedder, flip=flip)
    embed_to_file(embedder, open_source(folder), tmp_path / "faces.npy", flip=flip)
    stored = read_embeddings(tmp_path / "faces.npy")
    np.testing.assert_array_equal(made.rows_ND, stored.rows_ND)
    assert (made.names, made.description) == (stored.names, stored.description)


@pytest.mark.parametrize("convention", ["sum", "none"])
def test_mirror_images_are_used_as_the_model_does(tmp_path, convention):
    folder = people(tmp_path / "photos", {"anna": 1})
    made = read_or_embed(folder, alignment=AS_GIVEN, embedder=lambda: linear_embedder(flip=convention))
    assert made.description.flip == convention


def test_one_image_is_a_source(tmp_path):
    folder = people(tmp_path / "photos", {"anna": 1})
    made = read_or_embed(folder / "anna/0.jpg", alignment=AS_GIVEN, embedder=linear_embedder)
    assert made.rows_ND.shape == (1, 5)
    assert made.names == ["0.jpg"]


def test_images_that_are_no_aligned_faces_and_bad_ones_are_warned_about(tmp_path):
    folder = people(tmp_path / "photos", {"anna": 1})
    (folder / "anna/9.jpg").write_bytes(b"no picture")
    warnings = []
    made = read_or_embed(folder, alignment=AS_GIVEN, embedder=linear_embedder, skip_bad=True, warn=warnings.append)
    assert made.names == ["anna/0.jpg"]
    assert made.description.num_rows == 1
    assert "left out anna/9.jpg" in warnings[0]
    with pytest.raises(FembError, match=r"9.jpg is not a readable image"):
        read_or_embed(folder, alignment=AS_GIVEN, embedder=linear_embedder)


def test_a_source_without_a_readable_image_is_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/9.jpg").write_bytes(b"no picture")
    with pytest.raises(FembError, match="no image of .*photos can be read"):
        read_or_embed(tmp_path / "photos", linear_embedder, skip_bad=True)
