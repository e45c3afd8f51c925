"""Embedding the images of a source."""

import numpy as np
import pytest
from linear_embedder import linear_embedder
from pictures import encode

from femb_cli.data.files.folder import FolderSource
from femb_cli.errors import FembError
from femb_cli.inference.embed import embed_source


@pytest.fixture
def source(tmp_path) -> FolderSource:
    for number in range(7):
        (tmp_path / f"{number}.png").write_bytes(encode(30 * number, (112, 112), "PNG"))
    return FolderSource(tmp_path)


def one_by_one(embedder, source) -> np.ndarray:
    return np.concatenate([embed_source(embedder, source, [index]).rows_ND for index in range(len(source))])


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_rows_are_in_the_order_that_was_asked_for(source, batch_size):
    embedder = linear_embedder()
    wanted = [5, 0, 6, 2]
    result = embed_source(embedder, source, wanted, batch_size=batch_size)
    assert result.indices_N.tolist() == wanted
    np.testing.assert_allclose(result.rows_ND, one_by_one(embedder, source)[wanted], rtol=0, atol=1e-6)
    assert result.rows_ND.dtype == np.float32
    assert result.failed == []


def test_all_images_are_embedded_by_default(source):
    assert embed_source(linear_embedder(), source).indices_N.tolist() == list(range(7))


def test_the_flip_adds_the_mirror_image(source):
    plain, flipped = (embed_source(linear_embedder(), source, flip=flip).rows_ND for flip in (False, True))
    np.testing.assert_allclose(flipped, 2 * plain, rtol=1e-5)  # of one colour, mirror images are the same


def test_an_unreadable_image_is_named(source):
    (source.path / "3.png").write_bytes(b"not a picture")
    with pytest.raises(FembError, match=r"3\.png") as refused:
        embed_source(linear_embedder(), source, batch_size=2)
    assert "--skip-bad" in refused.value.hint


def test_unreadable_images_are_left_out_if_asked(source):
    for number in (0, 3):
        (source.path / f"{number}.png").write_bytes(b"not a picture")
    result = embed_source(linear_embedder(), source, batch_size=2, skip_bad=True)
    assert result.indices_N.tolist() == [1, 2, 4, 5, 6]
    assert [name for name, _ in result.failed] == ["0.png", "3.png"]
    assert len(result.rows_ND) == 5


def test_a_source_without_a_readable_image_has_no_rows(source):
    for number in range(7):
        (source.path / f"{number}.png").write_bytes(b"not a picture")
    assert embed_source(linear_embedder(), source, skip_bad=True).rows_ND.shape == (0, 5)


def test_progress_counts_images(source):
    counted = []
    embed_source(linear_embedder(), source, batch_size=3, progress=lambda *done: counted.append(done))
    assert counted == [(3, 7), (6, 7), (7, 7)]
