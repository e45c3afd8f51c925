"""An index of a gallery: what it finds, beside the exact search."""

import builtins
from pathlib import Path

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.search import index as module
from femb_cli.search.codes import load_faiss, make_codes
from femb_cli.search.index import build_index, nearest_by_codes
from femb_cli.search.nearest import nearest

pytest.importorskip("faiss")


def stored(rows, path="faces.npy"):
    return StoredEmbeddings(Path(path), np.asarray(rows), [f"{row}.jpg" for row in range(len(rows))], None)


def people(num_people, embedding_dim=64, dtype=np.float32, photos=4):
    """Photos of people, whose cosines are near 0.6 for one person and near 0 for two."""
    generator = np.random.default_rng(0)
    faces = np.repeat(generator.standard_normal((num_people, embedding_dim)), photos, axis=0)
    return (faces + 0.8 * generator.standard_normal(faces.shape)).astype(dtype)


@pytest.fixture
def few_candidates(monkeypatch):
    """Name so few candidates that entries can be missing, as in a large gallery."""
    monkeypatch.setattr(module, "NUM_CANDIDATES", 20)
    monkeypatch.setattr(module, "_CANDIDATES_OF_HIT", 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_the_other_photos_of_a_person_are_found_with_exact_scores(few_candidates, dtype):
    gallery = stored(people(500, dtype=dtype))
    queries = stored(gallery.rows_ND[:100])
    itself = np.arange(100)
    exact = nearest(queries, gallery, 3, itself_Q=itself)
    found = nearest_by_codes(queries, gallery, 3, make_codes(gallery.rows_ND), itself_Q=itself)
    same = found.rows_QK == exact.rows_QK
    assert same.mean() > 0.94
    np.testing.assert_array_equal(found.scores_QK[same], exact.scores_QK[same])
    assert (found.rows_QK != itself[:, None]).all()
    assert (np.diff(found.scores_QK, axis=1) <= 0).all()


@pytest.mark.parametrize("embedding_dim", [3, 8, 13])
def test_a_small_gallery_is_searched_completely(embedding_dim):
    gallery, queries = stored(people(100, embedding_dim)), stored(people(5, embedding_dim)[::-1])
    found = nearest_by_codes(queries, gallery, 500, make_codes(gallery.rows_ND))
    np.testing.assert_array_equal(found.rows_QK, nearest(queries, gallery, 500).rows_QK)


@pytest.mark.parametrize("num_rows", [1, 2, 17])
def test_a_gallery_of_few_rows_has_an_index(num_rows, capfd):
    gallery = stored(people(num_rows, photos=1))
    index = build_index(gallery)
    assert (index.recall_at_1, index.recall_at_5, index.num_sampled) == (1, 1, num_rows)
    assert nearest_by_codes(gallery, gallery, 1, index.codes).rows_QK[:, 0].tolist() == list(range(num_rows))
    assert capfd.readouterr() == ("", "")


def test_two_builds_are_equal_and_do_not_depend_on_lengths():
    rows = people(300)
    one, other = make_codes(rows), make_codes(rows * np.float32(4))
    np.testing.assert_array_equal(one.typical_M16G, other.typical_M16G)
    np.testing.assert_array_equal(one.codes_NB, other.codes_NB)


def test_the_recall_is_that_of_the_sampled_rows(monkeypatch, few_candidates):
    # Random rows have no near entries, so that codes of 4 bits confuse many.
    gallery = stored(np.random.default_rng(3).standard_normal((300, 64), dtype=np.float32))
    monkeypatch.setattr(module, "_NUM_SAMPLED", 300)
    index = build_index(gallery)
    itself = np.arange(300)
    exact = nearest(gallery, gallery, 5, itself_Q=itself).rows_QK
    found = nearest_by_codes(gallery, gallery, 5, index.codes, itself_Q=itself).rows_QK
    shared = [len({*one} & {*other}) / 5 for one, other in zip(exact.tolist(), found.tolist(), strict=True)]
    assert index.recall_at_1 == (exact[:, 0] == found[:, 0]).mean()
    assert index.recall_at_5 == pytest.approx(np.mean(shared))
    assert 0.3 < index.recall_at_5 < index.recall_at_1 < 1
    assert f"it finds {100 * index.recall_at_1:.1f} % of the nearest" in index.describe()


def test_an_embedding_that_has_no_cosine_is_refused_by_name():
    rows = people(100)
    rows[77] = 0
    with pytest.raises(FembError, match="77.jpg.*row 77"):
        build_index(stored(rows))
    with pytest.raises(FembError, match="holds no embedding"):
        build_index(stored(np.empty((0, 8), np.float32)))
    gallery = stored(people(10))
    with pytest.raises(FembError, match="0.jpg"):
        nearest_by_codes(stored(np.full((1, 64), np.nan, np.float32)), gallery, 1, make_codes(gallery.rows_ND))


def test_without_faiss_the_error_says_how_to_install_it(monkeypatch):
    real = builtins.__import__

    def without_faiss(name, *arguments, **options):
        if name == "faiss":
            raise ModuleNotFoundError("No module named 'faiss'", name="faiss")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_faiss)
    with pytest.raises(FembError, match="an index needs FAISS: No module named 'faiss'") as caught:
        load_faiss()
    assert caught.value.hint == "pip install faiss-cpu"
