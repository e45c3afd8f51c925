"""The format of a path is detected, and the source that reads it is opened."""

import zipfile
from pathlib import Path

import pytest

from femb_cli.data.open import open_source
from femb_cli.data.recordio.record_source import RecordSource
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


def test_a_zip_is_recognised_by_its_content(tmp_path):
    assert open_source(make_zip(tmp_path / "x.dat", **{"a/1.jpg": b"A"})).kind == "zip"
