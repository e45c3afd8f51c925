"""Verifications from files of embeddings."""

from pathlib import Path

import numpy as np
import pytest
from stored_embeddings import NAMES, ROWS, describe, save_npy, store

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.result import verify_embeddings


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store()
    return Path("pairs.csv"), Path("embeddings.npy")


def test_scores_are_the_cosines_of_the_named_rows(files):
    result = verify_embeddings(*files)
    of_a, of_b = 0.9 / np.hypot(0.9, 0.1), 0.9 / np.hypot(0.1, 0.9)
    np.testing.assert_allclose(result.scores_N, [of_a, of_b, 0.0, 0.18 / 0.82], rtol=0, atol=1e-7)
    assert result.genuine_N.tolist() == [True, True, False, False]
    assert (result.metrics.accuracy, result.metrics.eer) == (1.0, 0.0)


def test_the_document_says_what_was_verified(files):
    document = verify_embeddings(*files, "exact").to_json()
    assert {key: document[key] for key in ("benchmark", "model", "flip", "protocol")} == {
        "benchmark": "pairs.csv",
        "model": "embeddings.npy",
        "flip": "as stored",
        "protocol": "exact",
    }


def test_a_file_that_describes_itself_names_the_model_and_its_flip(files):
    save_npy(files[1], ROWS, NAMES, describe(ROWS, NAMES, model="net", flip="sum"))
    result = verify_embeddings(*files)
    assert (result.model, result.flip, result.card["weights"]) == ("net", "sum", "0a")
    assert {key: result.to_json()[key] for key in ("model", "flip", "embeddings")} == {
        "model": "net",
        "flip": "sum",
        "embeddings": "embeddings.npy",
    }


def test_an_image_without_an_embedding_is_refused_by_its_line(files):
    files[0].write_text("ref,probe,mated\na/1.jpg,a/2.jpg,1\na/1.jpg,c/1.jpg,0\n")
    with pytest.raises(FembError, match=r"line 3: no image 'c/1\.jpg'"):
        verify_embeddings(*files)


def test_a_network_that_gives_all_images_nearly_one_embedding_has_collapsed(files):
    document = verify_embeddings(*files).to_json()
    assert (document["collapsed"], document["mean_cosine"] < 0.5) == (False, True)
    alike = 10.0 + np.asarray(ROWS)
    save_npy(files[1], alike, NAMES, describe(alike, NAMES))
    result = verify_embeddings(*files)
    assert result.to_json()["collapsed"] and result.to_json()["mean_cosine"] > 0.99
    (warning,) = result.warnings
    assert warning.startswith("the network has collapsed")
