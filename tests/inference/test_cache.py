"""Embeddings are made once for a model and its images, whatever these are called."""

import io
import shutil

import numpy as np
import pytest
from linear_embedder import linear_embedder
from PIL import Image

from femb_cli.data.files.folder import FolderSource
from femb_cli.inference import cache as embedding_cache
from femb_cli.inference.cache import embed_with_cache, model_fingerprint


@pytest.fixture
def faces(tmp_path, monkeypatch) -> FolderSource:
    monkeypatch.setenv("FEMB_CACHE_DIR", str(tmp_path / "cache"))
    for shade in range(4):
        path = tmp_path / "faces" / "a" / f"{shade}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        Image.new("RGB", (112, 112), (50 * shade, 0, 0)).save(buffer, "PNG")
        path.write_bytes(buffer.getvalue())
    return FolderSource(tmp_path / "faces")


ROWS = np.array([2, 0, 3])


def test_the_second_time_nothing_is_computed(faces):
    first = embed_with_cache(linear_embedder(), faces, ROWS)
    again = linear_embedder()
    np.testing.assert_array_equal(embed_with_cache(again, faces, ROWS), first)
    assert again.network.calls == 0


def test_moved_images_are_recognised(faces, tmp_path):
    first = embed_with_cache(linear_embedder(), faces, ROWS)
    shutil.move(faces.path, tmp_path / "elsewhere")
    again = linear_embedder()
    np.testing.assert_array_equal(embed_with_cache(again, FolderSource(tmp_path / "elsewhere"), ROWS), first)
    assert again.network.calls == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda faces: embed_with_cache(linear_embedder(seed=1), faces, ROWS),
        lambda faces: embed_with_cache(linear_embedder(mean=(0.4, 0.4, 0.4)), faces, ROWS),
        lambda faces: embed_with_cache(linear_embedder(), faces, ROWS, flip=True),
    ],
)
def test_other_weights_colours_flips_or_images_are_computed(faces, change):
    first = embed_with_cache(linear_embedder(), faces, ROWS)
    assert not np.array_equal(change(faces), first)


def test_an_exact_embedding_is_not_taken_for_a_fast_one(faces):
    embed_with_cache(linear_embedder(), faces, ROWS)
    fast = linear_embedder()
    fast.computation = "bfloat16"
    embed_with_cache(fast, faces, ROWS)
    assert fast.network.calls > 0


def test_only_images_that_are_new_are_computed(faces):
    first = embed_with_cache(linear_embedder(), faces, ROWS)
    counted = []
    again = embed_with_cache(
        linear_embedder(), faces, np.array([3, 1, 2, 1]), progress=lambda *done: counted.append(done)
    )
    assert counted == [(1, 1)]
    np.testing.assert_array_equal(again[[0, 2]], first[[2, 0]])
    np.testing.assert_array_equal(again[1], again[3])


def test_a_changed_image_is_computed(faces):
    first = embed_with_cache(linear_embedder(), faces, ROWS)
    shutil.copy(faces.path / "a/3.png", faces.path / "a/0.png")
    assert not np.array_equal(embed_with_cache(linear_embedder(), faces, ROWS), first)


def test_a_damaged_file_is_made_again(faces, tmp_path):
    first = embed_with_cache(linear_embedder(), faces, ROWS)
    next((tmp_path / "cache/embeddings").glob("*.npz")).write_bytes(b"damaged")
    np.testing.assert_array_equal(embed_with_cache(linear_embedder(), faces, ROWS), first)


def test_the_least_recently_used_are_removed(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding_cache, "MAX_BYTES", 1500)
    for seed in range(4):
        embed_with_cache(linear_embedder(seed), faces, ROWS)
    assert len(list((tmp_path / "cache/embeddings").glob("*.npz"))) == 2
    last = linear_embedder(3)
    embed_with_cache(last, faces, ROWS)
    assert last.network.calls == 0


def test_a_fingerprint_is_of_the_weights():
    assert (
        model_fingerprint(linear_embedder(0))
        == model_fingerprint(linear_embedder(0))
        != model_fingerprint(linear_embedder(1))
    )
