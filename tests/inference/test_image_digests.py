"""Checksums of the images that are read."""

import pytest
from linear_embedder import linear_embedder
from pictures import encode

from femb_cli.data.files.folder import FolderSource
from femb_cli.inference.embed import embed_source
from femb_cli.inference.image_digests import UNREADABLE, digest_images, interleave


@pytest.fixture
def source(tmp_path) -> FolderSource:
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(encode(30 * number, (112, 112), "PNG"))
    (tmp_path / "4.png").write_bytes(b"not a picture")
    return FolderSource(tmp_path)


def test_embedding_and_reading_give_the_same(source):
    embedded = embed_source(linear_embedder(), source, batch_size=2, skip_bad=True)
    assert embedded.digests == digest_images(source, range(5))
    assert len(embedded.digests) == 5 * 16


def test_an_image_that_cannot_be_read_has_a_place(source):
    before = digest_images(source, range(5))
    (source.path / "1.png").unlink()
    after = digest_images(source, range(5))
    assert after[16:32] == UNREADABLE != before[16:32]
    assert (after[:16], after[32:]) == (before[:16], before[32:])


def test_the_shares_of_processes_are_put_into_the_order_of_the_images():
    assert interleave([[b"0", b"3"], [b"1", b"4"], [b"2"]]) == b"01234"
