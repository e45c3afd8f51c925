"""Folders and lists of files."""

import json
import time
import zipfile
from pathlib import Path

import pytest
from pictures import encode

from femb_cli.data.files.folder import FileListSource, FolderSource
from femb_cli.errors import FembError


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def test_names_are_sorted_by_code_point_and_read_back(tmp_path):
    source = FolderSource(make(tmp_path, "b/2.jpg", "b/10.PNG", "B/1.webp", "é/1.tiff"))
    assert source.names == ["B/1.webp", "b/10.PNG", "b/2.jpg", "é/1.tiff"]
    assert [source.read(index).decode() for index in range(4)] == source.names


def test_an_identity_is_the_folder_of_the_image(tmp_path):
    source = FolderSource(make(tmp_path, "b/1.jpg", "a/1.jpg", "b/2.jpg"))
    assert source.identities.names == ["a", "b"]
    assert source.identities.labels_N.tolist() == [0, 1, 1]


def test_hidden_files_and_other_files_are_skipped(tmp_path):
    skipped = ["a/.hidden.jpg", ".hidden/1.jpg", "__MACOSX/1.jpg", "a/Thumbs.db", "a/notes.txt", "a/1.jpg.txt"]
    assert FolderSource(make(tmp_path, "a/1.jpg", *skipped)).names == ["a/1.jpg"]


def test_linked_folders_are_entered_and_circles_end(tmp_path):
    make(tmp_path / "elsewhere", "1.jpg")
    make(tmp_path / "root", "a/1.jpg")
    (tmp_path / "root/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/a/circle").symlink_to(tmp_path / "root")
    assert FolderSource(tmp_path / "root").names == ["a/1.jpg", "b/1.jpg"]


def test_a_name_with_a_line_break_is_refused_and_shown_escaped(tmp_path):
    with pytest.raises(FembError, match=r"a\\nb.jpg"):
        FolderSource(make(tmp_path, "x/a\nb.jpg"))


def test_an_image_that_vanished_is_named(tmp_path):
    source = FolderSource(make(tmp_path, "a/1.jpg"))
    (tmp_path / "a/1.jpg").unlink()
    with pytest.raises(FembError, match=r"a/1\.jpg"):
        source.read(0)


def test_a_list_keeps_its_order_and_its_relative_names(tmp_path, monkeypatch):
    monkeypatch.chdir(make(tmp_path, "faces/b.jpg", "faces/a.jpg"))
    source = FileListSource(["faces/b.jpg", "./faces/a.jpg"])
    assert source.names == ["faces/b.jpg", "faces/a.jpg"]
    assert source.read(1) == b"faces/a.jpg"


def test_absolute_files_are_named_below_the_folder_that_holds_them(tmp_path):
    make(tmp_path, "x/b/1.jpg", "x/a/1.jpg")
    source = FileListSource([tmp_path / "x/b/1.jpg", tmp_path / "x/a/1.jpg"])
    assert (source.path, source.names) == (tmp_path / "x", ["b/1.jpg", "a/1.jpg"])


def test_a_list_with_a_file_twice_or_none_is_refused():
    with pytest.raises(FembError, match="2 times"):
        FileListSource(["a.jpg", "./a.jpg"])
    with pytest.raises(FembError, match="empty"):
        FileListSource([])


def test_golden_folders_with_odd_names(shared, tmp_path):
    expected = json.loads((shared / "golden/formats/folders/expected.json").read_text())["odd_names.zip"]
    with zipfile.ZipFile(shared / "golden/formats/folders/odd_names.zip") as archive:
        archive.extractall(tmp_path)
    source = FolderSource(tmp_path)
    assert source.identities.names == expected["classes_sorted"]
    assert len(source) == expected["num_images"]


def test_a_device_behind_an_image_s_name_is_not_read(tmp_path):
    make(tmp_path, "a/1.jpg")
    (tmp_path / "a" / "2.jpg").symlink_to("/dev/zero")
    source = FolderSource(tmp_path)
    with pytest.raises(FembError, match=r"2\.jpg' is not a regular file"):
        source.read(1)


def test_a_file_too_large_for_an_image_is_not_read(tmp_path):
    make(tmp_path, "a/1.jpg")
    with (tmp_path / "a" / "1.jpg").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(FembError, match="1099511627776 bytes"):
        FolderSource(tmp_path).read(0)


def test_images_are_known_by_their_first_bytes_and_other_files_counted(tmp_path):
    make(tmp_path, "a/b.jfif", "a/notes.txt", "a/.hidden", "a/Thumbs.db", "film.MP4", "__MACOSX/x")
    (tmp_path / "a" / "face").write_bytes(encode(1))
    (tmp_path / "broken").symlink_to("nowhere")
    source = FolderSource(tmp_path)
    assert source.names == ["a/b.jfif", "a/face"]
    assert source.read(1) == encode(1)
    assert source.unread == {"": 1, ".MP4": 1, ".txt": 1}


def test_a_folder_of_other_files_names_them(tmp_path):
    with pytest.raises(FembError, match="no images below") as caught:
        FolderSource(make(tmp_path, "a.mp4", "b.mp4"))
    assert caught.value.hint == "2 files not read: 2 .mp4"


def test_a_list_of_files_keeps_its_images_and_what_cannot_be_opened(tmp_path):
    make(tmp_path, "a.jpg", "film.mp4")
    (tmp_path / "face").write_bytes(encode(1))
    source = FileListSource([tmp_path / name for name in ("film.mp4", "face", "gone", "a.jpg")])
    assert source.names == ["face", "gone", "a.jpg"]
    assert (source.read(0), source.unread) == (encode(1), {".mp4": 1})
    with pytest.raises(FembError, match="gone"):
        source.read(1)
    with pytest.raises(FembError, match="none of the given files is an image") as caught:
        FileListSource([tmp_path / "film.mp4"])
    assert caught.value.hint == "1 file not read: 1 .mp4"


def test_thousands_of_other_files_are_told_apart_quickly(tmp_path):
    make(tmp_path, "a.jpg", *(f"{number}.dat" for number in range(2000)))
    start = time.process_time()
    assert FolderSource(tmp_path).unread == {".dat": 2000}
    assert time.process_time() - start < 1
