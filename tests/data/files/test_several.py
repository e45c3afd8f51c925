"""Several sources as one."""

import pickle
from pathlib import Path

import pytest
from pictures import encode, people

from femb_cli.data.files.folder import FileListSource, FolderSource
from femb_cli.data.files.several import SeveralSources
from femb_cli.errors import FembError


@pytest.fixture
def folders(tmp_path) -> Path:
    """The folder of a with an image of x, b with two of x and a film, and c.jpg."""
    people(tmp_path / "a", {"x": 1})
    people(tmp_path / "b", {"x": 2})
    (tmp_path / "b" / "film.mp4").write_bytes(b"")
    (tmp_path / "c.jpg").write_bytes(encode(77))
    return tmp_path


def test_images_are_in_the_order_of_their_sources_and_named_by_them(folders):
    files = FileListSource([folders / "c.jpg"], folders)
    source = SeveralSources(
        folders, [("b", FolderSource(folders / "b")), ("", files), ("a", FolderSource(folders / "a"))]
    )
    assert list(source.names) == ["b/x/0.jpg", "b/x/1.jpg", "c.jpg", "a/x/0.jpg"]
    assert [source.read(row) for row in range(4)] == [(folders / name).read_bytes() for name in source.names]
    assert (source.identities, source.unread) == (None, {".mp4": 1})
    assert pickle.loads(pickle.dumps(source)).read(2) == encode(77)
    with pytest.raises(IndexError):
        source.read(4)


def test_an_image_that_is_in_two_sources_is_refused(folders):
    parts = [("a", FolderSource(folders / "a")), ("", FileListSource([folders / "a/x/0.jpg"], folders))]
    with pytest.raises(FembError, match=r"names a/x/0\.jpg 2 times"):
        SeveralSources(folders, parts)
    with pytest.raises(FembError, match="names b 2 times"):
        SeveralSources(folders, [("b", FolderSource(folders / "b"))] * 2)
