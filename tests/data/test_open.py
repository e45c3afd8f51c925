"""The format of a path is detected, and the source that reads it is opened."""

import zipfile
from pathlib import Path

import pytest
from parquets import write
from pictures import HEIC_STUB, encode, people

from femb_cli.data.files.unread import unread_of
from femb_cli.data.open import open_source, open_sources
from femb_cli.data.read_as import ReadAs
from femb_cli.data.recordio.record_source import RecordSource
from femb_cli.data.source import lacks_identities
from femb_cli.errors import FembError


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def make_zip(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(FembError, match="no images below"):
        open_source(tmp_path)


def test_the_format_of_a_path_is_detected(tmp_path):
    make(tmp_path, "folder/a/1.jpg", "set.bin", "what.txt")
    assert open_source(tmp_path / "folder").kind == "folder"
    for name, message in [
        ("set.bin", "verification set"),
        ("what.txt", "not a source of images"),
        ("absent", "does not exist"),
    ]:
        with pytest.raises(FembError, match=message):
            open_source(tmp_path / name)


def test_a_folder_with_a_record_file_is_that_record_file(shared):
    source = open_source(shared / "data/records/popkorn_adaface")
    assert isinstance(source, RecordSource)
    assert len(source) == 8


def test_a_folder_with_several_record_files_asks_which(tmp_path):
    with pytest.raises(FembError, match=r"a\.rec, b\.rec"):
        open_source(make(tmp_path, "a.rec", "b.rec"))


def test_a_folder_of_record_folders_says_which_to_name(tmp_path):
    (tmp_path / "testing").mkdir()
    (tmp_path / "testing" / "testing.rec").write_bytes(b"")
    with pytest.raises(FembError, match="holds record files in its folders") as caught:
        open_source(tmp_path)
    assert "testing.rec" in caught.value.hint


def test_a_folder_without_people_names_the_list_beside_its_images(tmp_path):
    make(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "notes.txt").write_text("taken in June\n")
    (tmp_path / "metadata.csv").write_text("file_name,label\n1.jpg,ada\n2.jpg,ada\n")
    error = lacks_identities(open_source(tmp_path))
    assert f"{tmp_path}/metadata.csv may say who is on them" in error.hint


def test_a_zip_is_recognised_by_its_content(tmp_path):
    assert open_source(make_zip(tmp_path / "x.dat", **{"a/1.jpg": b"A"})).kind == "zip"


@pytest.fixture
def mixed(tmp_path, monkeypatch, without_heic) -> Path:
    """A folder to work in: folders a and b, c.jpg, an image `d` without an ending, a zip, a list, and others."""
    monkeypatch.chdir(make(tmp_path, "a/x.jpg", "b/x.jpg", "c.jpg", "notes.txt", "film.mp4"))
    (tmp_path / "d").write_bytes(encode(1))
    (tmp_path / "e.HEIC").write_bytes(HEIC_STUB)
    make_zip(tmp_path / "z.zip", **{"m/1.jpg": b"M"})
    (tmp_path / "list.txt").write_text("a/x.jpg 1\n")
    return tmp_path


def opened(*paths: str) -> tuple[list[str], dict[str, int]]:
    source = open_sources([Path(path) for path in paths])
    return list(source.names), dict(unread_of(source))


def test_several_folders_files_and_archives_are_one_source(mixed):
    assert opened("b", "c.jpg", "d", "a", "z.zip", "list.txt") == (
        ["b/x.jpg", "c.jpg", "d", "a/x.jpg", "z.zip/m/1.jpg", "list.txt/a/x.jpg"],
        {},
    )
    assert opened(str(mixed / "a"), "../" + mixed.name + "/c.jpg")[0] == ["a/x.jpg", "c.jpg"]


def test_one_path_is_opened_as_alone(mixed):
    assert opened("a") == (["x.jpg"], {})
    assert opened("d") == (["d"], {})
    assert opened("c.jpg", "d") == (["c.jpg", "d"], {})
    with pytest.raises(FembError, match=r"notes\.txt is not a source of images"):
        opened("notes.txt")


def test_files_that_are_neither_are_counted(mixed):
    names, unread = opened("film.mp4", "a", "e.HEIC", "c.jpg", "notes.txt")
    assert (names, unread) == (["a/x.jpg", "c.jpg"], {".mp4": 1, ".HEIC": 1, ".txt": 1})
    with pytest.raises(FembError, match="none of the given files") as caught:
        opened("film.mp4", "e.HEIC")
    assert "pip install pillow-heif" in caught.value.hint


def test_a_heic_file_alone_says_what_reads_it(mixed):
    with pytest.raises(FembError, match=r"e\.HEIC is a HEIC image") as caught:
        opened("e.HEIC")
    assert "pip install pillow-heif" in caught.value.hint


def test_a_missing_path_among_several_is_an_error_and_no_dataset_on_the_hub(mixed):
    with pytest.raises(FembError, match=r"^owner/name does not exist"):
        opened("a", "owner/name")
    with pytest.raises(FembError, match=r"a/x\.jpg 2 times"):
        opened("a", "a/x.jpg")


def test_a_table_of_embeddings_beside_photos_is_counted_as_not_read(tmp_path):
    write(tmp_path / "faces.parquet", {"name": ["1.jpg"], "embedding": [[0.1, 0.2]]})
    with pytest.raises(FembError, match="no column of images"):
        open_source(tmp_path)
    make(tmp_path, "1.jpg", "2.jpg")
    source = open_source(tmp_path)
    assert (source.kind, unread_of(source)) == ("folder", {".parquet": 1})
    with pytest.raises(FembError, match="has no column 'photo'"):
        open_source(tmp_path, read_as=ReadAs(image_column="photo"))


def test_a_split_or_a_folder_of_images_that_says_nothing_is_refused(tmp_path):
    people(tmp_path / "people", {"a": 1, "b": 1})
    with pytest.raises(FembError, match="people has no splits, and so no 'train'"):
        open_source(tmp_path / "people", split="train")
    with pytest.raises(FembError, match="people is not a list"):
        open_source(tmp_path / "people", images=tmp_path)
