"""Several sources as one."""

import pickle
import zipfile
from pathlib import Path

import pytest
from pictures import encode, people

from femb_cli.data.files.folder import FileListSource, FolderSource
from femb_cli.data.files.several import SeveralSources
from femb_cli.data.open import open_source
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


def make_zip(path: Path, *names: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, f"{path.name} {name}")


def test_zips_in_a_folder_are_one_dataset_and_the_same_folder_is_one_person(tmp_path):
    make_zip(tmp_path / "set/part2.zip", "faces/bea/1.jpg", "faces/ann/1.jpg")
    make_zip(tmp_path / "set/part1.zip", "faces/ann/1.jpg")
    source = open_source(tmp_path / "set")
    for one in (source, pickle.loads(pickle.dumps(source))):
        assert list(one.names) == [
            "part1.zip/faces/ann/1.jpg",
            "part2.zip/faces/ann/1.jpg",
            "part2.zip/faces/bea/1.jpg",
        ]
        assert (one.identities.names, one.identities.labels_N.tolist()) == (["ann", "bea"], [0, 0, 1])
        assert one.read(1) == b"part2.zip faces/ann/1.jpg"
    (tmp_path / "set/part3.tar").write_bytes(b"")
    with pytest.raises(FembError, match=r"archives of two kinds, such as part3\.tar and part1\.zip"):
        open_source(tmp_path / "set")


def test_a_zip_among_images_is_only_counted(tmp_path):
    make_zip(tmp_path / "all.zip", "ann/1.jpg")
    for name in ("a/1.jpg", "b/1.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    assert (open_source(tmp_path).kind, open_source(tmp_path).unread) == ("folder", {".zip": 1})
