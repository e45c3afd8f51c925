"""Formats that femb does not read are named, with what to do."""

import zipfile

import pytest

from femb_cli.data.open import open_source
from femb_cli.errors import FembError


@pytest.mark.parametrize(
    ("name", "start", "what"),
    [
        ("faces.7z", b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        ("faces.rar", b"Rar!\x1a\x07\x01\0", "a RAR archive"),
        ("faces.tar.zst", b"\x28\xb5\x2f\xfd", "compressed by zstd"),
        ("faces.xz", b"\xfd7zXZ\0", "compressed by xz"),
        ("faces.h5", b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    ],
)
def test_files_of_other_formats_are_named(tmp_path, name, start, what):
    (tmp_path / name).write_bytes(start + bytes(100))
    with pytest.raises(FembError, match=f"is {what}, which femb does not read") as caught:
        open_source(tmp_path / name)
    assert "folder" in caught.value.hint


@pytest.mark.parametrize("member", ["faces/train.rec", "shards/faces-0000.tar", "data/train.parquet"])
def test_a_zip_of_a_dataset_says_what_to_do(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(member, b"")
    with pytest.raises(FembError, match="no images in .*x.zip, but a dataset in another format") as caught:
        open_source(tmp_path / "x.zip")
    assert caught.value.hint.startswith("unpack it, and name the folder; 1 file not read")


def test_a_zip_of_other_files_only_counts_them(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.mp4", b"")
    with pytest.raises(FembError, match=r"no images in .*x\.zip$"):
        open_source(tmp_path / "x.zip")


@pytest.mark.parametrize(
    ("encoding", "what", "program"),
    [
        ("utf-16", "UTF-16 text", "iconv -f UTF-16"),
        ("utf-16-le", "UTF-16 text", "iconv -f UTF-16"),
        ("utf-32", "UTF-32 text", "iconv -f UTF-32"),
        ("latin-1", "not UTF-8 text", "iconv -f LATIN1"),
    ],
)
def test_a_list_in_another_encoding_is_named(tmp_path, encoding, what, program):
    (tmp_path / "list.csv").write_bytes(("path,identity\n" + "a.jpg,Ann\n" * 100 + "b.jpg,Zoë\n").encode(encoding))
    with pytest.raises(FembError, match=f"list.csv is {what}, which femb does not read") as caught:
        open_source(tmp_path / "list.csv")
    assert program in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("images.npy", b"\x93NUMPY\x01\0" + bytes(100), "a file of NumPy's arrays"),
        ("images.npz", b"PK\x03\x04" + bytes(100), "a file of NumPy's arrays"),
        ("train.tfrecord", bytes(100), "a TFRecord file"),
        ("list.json", b'[{"path": "a.jpg", "identity": "Ann"}]', "a JSON document"),
    ],
)
def test_files_without_encoded_images_are_named_by_their_ending(tmp_path, name, content, what):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FembError, match=f"{name} is {what}.*, which femb does not read as images"):
        open_source(tmp_path / name)
