"""The files of an unfinished embedding."""

import json

import numpy as np
import pytest
from linear_embedder import linear_embedder
from pictures import encode

from femb_cli.data.files.folder import FolderSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings_file import read_embeddings
from femb_cli.inference.embed import Embeddings
from femb_cli.inference.unfinished_embeddings import UnfinishedEmbeddings

ROWS = np.arange(20, dtype=np.float32).reshape(4, 5)


@pytest.fixture
def source(tmp_path) -> FolderSource:
    (tmp_path / "images").mkdir()
    for number in range(4):
        (tmp_path / "images" / f"{number}.png").write_bytes(encode(number, (8, 8), "PNG"))
    return FolderSource(tmp_path / "images")


def unfinished(source, *, flip=False, writes=True, resume=False, name="network") -> UnfinishedEmbeddings:
    embedder = linear_embedder()
    embedder.name = name
    out = source.path.parent / "e.npy"
    return UnfinishedEmbeddings(out, embedder, source, flip=flip, writes=writes, resume=resume)


def rows(start, stop) -> Embeddings:
    return Embeddings(ROWS[start:stop], np.arange(start, stop), [])


def files(source) -> list[str]:
    return sorted(path.name for path in source.path.parent.iterdir() if path.is_file())


def test_what_was_added_is_there_after_a_kill(source):
    unfinished(source).add(rows(0, 3), num_done=3)
    again = unfinished(source, resume=True)
    assert (again.num_done, again.embedded) == (3, [0, 1, 2])
    again.add(rows(3, 4), num_done=4)
    again.finish()
    read, names = read_embeddings(source.path.parent / "e.npy")
    np.testing.assert_array_equal(read, ROWS)
    assert names == ["0.png", "1.png", "2.png", "3.png"]
    assert files(source) == ["e.npy", "e.txt"]


def test_failed_images_are_remembered(source):
    unfinished(source).add(Embeddings(ROWS[:1], np.array([1]), [("0.png", "no picture")]), num_done=2)
    again = unfinished(source, resume=True)
    assert (again.num_done, again.embedded, again.failed) == (2, [1], [("0.png", "no picture")])


def test_without_resume_it_starts_over(source):
    unfinished(source).add(rows(0, 3), num_done=3)
    assert unfinished(source).num_done == 0


@pytest.mark.parametrize("other", [{"flip": True}, {"name": "another"}])
def test_another_model_or_flip_is_not_continued(source, other):
    unfinished(source).add(rows(0, 3), num_done=3)
    with pytest.raises(FembError, match="another embedding"):
        unfinished(source, resume=True, **other)


def test_other_images_are_not_continued(source):
    unfinished(source).add(rows(0, 3), num_done=3)
    (source.path / "3.png").rename(source.path / "9.png")
    with pytest.raises(FembError, match="another embedding"):
        unfinished(FolderSource(source.path), resume=True)


def test_the_note_says_what_is_done(source):
    unfinished(source).add(rows(0, 3), num_done=3)
    note = json.loads((source.path.parent / "e.npy.part.json").read_text())
    assert (note["done"], note["good"], note["failed"]) == (3, [0, 1, 2], [])
    assert (note["job"]["model"], note["job"]["flip"], note["job"]["shape"]) == ("network", False, [4, 5])


def test_without_any_embedding_there_is_no_file(source):
    nothing = unfinished(source)
    nothing.add(Embeddings(ROWS[:0], np.arange(0), [("0.png", "no picture")]), num_done=4)
    with pytest.raises(FembError, match="none of the 4 images"):
        nothing.finish()
    assert files(source) == []


def test_other_processes_write_nothing(source):
    other = unfinished(source, writes=False)
    other.add(rows(0, 4), num_done=4)
    other.finish()
    assert other.embedded == [0, 1, 2, 3]
    assert files(source) == []
