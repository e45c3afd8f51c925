"""Zip archives are read in place, and hostile ones refused."""

import hashlib
import json
import pickle
import zipfile
from pathlib import Path

import pytest
from pictures import encode

from femb_cli.data.files.zip import ZipSource
from femb_cli.data.open import open_source
from femb_cli.errors import FembError


def make(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_members_are_read_in_the_order_of_their_names(tmp_path):
    source = open_source(make(tmp_path / "x.zip", **{"b/1.jpg": b"B" * 99, "a/1.jpg": b"A"}))
    assert (source.kind, source.names) == ("zip", ["a/1.jpg", "b/1.jpg"])
    assert [source.read(0), source.read(1)] == [b"A", b"B" * 99]


def test_a_source_survives_pickling(tmp_path):
    source = ZipSource(make(tmp_path / "x.zip", **{"a/1.jpg": b"A"}))
    assert pickle.loads(pickle.dumps(source)).read(0) == b"A"


@pytest.mark.parametrize("name", ["../a.jpg", "x/../../a.jpg", "/a.jpg", "C:/a.jpg", "x\\a.jpg", "a\n.jpg"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(FembError, match=r"\.jpg' in .*x\.zip"):
        ZipSource(make(tmp_path / "x.zip", **{name: b"A", "a/1.jpg": b"A"}))


def test_damaged_bytes_are_noticed_when_read(tmp_path):
    path = make(tmp_path / "x.zip", **{"a/1.jpg": bytes(range(256)) * 4, "b/1.jpg": b"B"})
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    source = ZipSource(path)
    with pytest.raises(FembError, match=r"'a/1\.jpg' in .*x\.zip"):
        source.read(0)
    assert source.read(1) == b"B"


READ = {"comment_and_prefix.zip", "macosx_junk.zip", "nested_root.zip", "no_folder_entries_deflated.zip"} | {
    "no_top_folder.zip",
    "xqlfw_aligned_112_like.zip",
}
"""Golden archives that have to be read; those that may be refused are."""
HARMLESS = {"case_duplicates.zip", "file_and_folder.zip", "long_name.zip"}
"""Odd archives that nothing is wrong with as long as nothing is extracted."""
DAMAGED_MEMBER = {"bomb_size_lies.zip": "Bomb_0001.jpg", "wrong_crc.zip": "Ann_Veneman_0001.jpg"}
"""Archives of which one member cannot be read."""


def golden(shared: Path) -> dict[str, dict]:
    expected = json.loads((shared / "golden/formats/archives/expected.json").read_text())
    return {each["file"]: each for each in expected["files"] if each["file"].endswith(".zip")}


def test_golden_archives_read_as_written(shared):
    cases = golden(shared)
    for file in READ:
        source = ZipSource(shared / "golden/formats/archives" / file)
        found = {name: hashlib.sha256(source.read(index)).hexdigest() for index, name in enumerate(source.names)}
        below_top = {"/".join(name.split("/")[-2:]): sha256 for name, sha256 in found.items()}
        assert below_top == {each["image"]: each["sha256"] for each in cases[file]["images"]}, file
        assert source.identities.names == sorted({each["image"].split("/")[0] for each in cases[file]["images"]})


def test_golden_archives_that_may_do_harm_are_refused_by_name(shared):
    for file in golden(shared).keys() - READ - HARMLESS - DAMAGED_MEMBER.keys():
        with pytest.raises(FembError, match=file):
            ZipSource(shared / "golden/formats/archives" / file)


def test_golden_archives_that_are_only_odd_are_read(shared):
    for file in HARMLESS:
        source = ZipSource(shared / "golden/formats/archives" / file)
        assert all(source.read(index) for index in range(len(source))), file


@pytest.mark.parametrize("file", DAMAGED_MEMBER)
def test_a_golden_damaged_member_is_named_and_the_others_read(shared, file):
    source = ZipSource(shared / "golden/formats/archives" / file)
    for index, name in enumerate(source.names):
        if name.endswith(DAMAGED_MEMBER[file]):
            with pytest.raises(FembError, match=f"{DAMAGED_MEMBER[file]}' in .*{file}"):
                source.read(index)
        else:
            assert source.read(index)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_known_by_their_first_bytes_and_others_counted(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as archive:
        archive.mkdir("folder.jpg")
        for name, content in {
            "a/face": encode(1),
            "a/1.pgm": b"",
            "a/film.mp4": bytes(5000),
            "a/readme": b"text " * 500,
            "__MACOSX/a": b"",
            "a/.DS_Store": b"",
        }.items():
            archive.writestr(name, content)
    source = ZipSource(tmp_path / "x.zip")
    assert source.names == ["a/1.pgm", "a/face"]
    assert source.read(1) == encode(1)
    assert source.unread == {".mp4": 1, "": 1}


def test_a_member_that_cannot_be_unpacked_is_only_counted_unless_its_name_is_an_image_s(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a/1.jpg", b"A", zipfile.ZIP_STORED)
        archive.writestr("a/notes.txt", b"text")
    assert ZipSource(tmp_path / "x.zip").unread == {".txt": 1}


def test_an_archive_of_other_files_names_them(tmp_path):
    with pytest.raises(FembError, match="no images") as caught:
        ZipSource(make(tmp_path / "x.zip", **{"a.mp4": b"", "b.mp4": b""}))
    assert caught.value.hint == "2 files not read: 2 .mp4"
