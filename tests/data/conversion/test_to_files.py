"""Datasets go back to folders of people and to WebDataset shards, and from there again."""

import csv
import io
import re
import warnings
from pathlib import Path

import pytest
from pictures import encode, people, tree
from tars import write_tar

from femb_cli.data.conversion.convert import convert
from femb_cli.data.conversion.to_files import RENAMED_FILE, convert_to_files
from femb_cli.data.files.folder import FolderSource
from femb_cli.data.files.unread import unread_of
from femb_cli.data.identities import Identities
from femb_cli.data.open import open_source
from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError

FORMATS = ("folder", "webdataset")


@pytest.fixture
def faces(tmp_path) -> FolderSource:
    return FolderSource(people(tmp_path / "faces", {"zoë": 3, "m.0abc": 2, "eve": 4}))


def contents(source: ImageSource) -> set[tuple[str, str, bytes]]:
    """The person, the name and the bytes of every image."""
    known = source.identities
    return {
        (known.names[known.labels_N[row]], source.names[row].rpartition("/")[2], source.read(row))
        for row in range(len(source))
    }


class Images:
    """Images of given names and people."""

    kind, path = "folder", Path("images")

    def __init__(self, names: list[str], people: list[str]) -> None:
        import numpy as np

        self.names = names
        each = list(dict.fromkeys(people))
        self.identities = Identities(each, np.array([each.index(person) for person in people]))

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> bytes:
        return encode(index)


@pytest.mark.parametrize("format", FORMATS)
def test_a_dataset_goes_and_comes_back_unchanged(faces, tmp_path, format):
    convert(faces, tmp_path / "arrow", format="arrow")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = convert_to_files(open_source(tmp_path / "arrow"), tmp_path / "out", format=format)
        back = open_source(tmp_path / "out")
    assert (done.num_images, done.num_identities, done.num_skipped, dict(unread_of(back))) == (9, 3, 0, {})
    assert contents(back) == contents(faces)
    assert back.identities.names == faces.identities.names
    convert(back, tmp_path / "again", verify=True)
    assert contents(open_source(tmp_path / "again")) == contents(faces)


def test_a_folder_comes_back_file_by_file(faces, tmp_path):
    convert(faces, tmp_path / "arrow")
    convert_to_files(open_source(tmp_path / "arrow"), tmp_path / "out", format="folder")
    written = tree(tmp_path / "out")
    del written[".femb.json"]
    assert written == tree(faces.path)


def test_shards_have_the_size_asked_for_and_the_same_bytes_each_time(faces, tmp_path):
    for name in ("a", "b"):
        convert_to_files(faces, tmp_path / name / "faces", format="webdataset", shard_bytes=2000)
    shards = sorted(path.name for path in (tmp_path / "a/faces").glob("*.tar"))
    assert shards == [f"faces-{number:05d}.tar" for number in range(len(shards))]
    assert 2 < len(shards) < 9
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert contents(open_source(tmp_path / "a/faces/faces-*.tar")) == contents(faces)


@pytest.mark.parametrize("format", FORMATS)
def test_names_that_are_no_files_are_changed_and_that_is_said(tmp_path, format):
    names = ["../../evil.jpg", "a/1.jpg", "b/1.jpg", "17", "x.y.jpg"]
    source = Images(names, ["../up", "Ann", "Ann", "ann", "Ann"])
    with pytest.warns(UserWarning, match="names are written in another way"):
        convert_to_files(source, tmp_path / "in/out", format=format)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["out"]
    back = open_source(tmp_path / "in/out")
    assert {back.read(row) for row in range(5)} == {encode(row) for row in range(5)}
    groups = {frozenset(image for who, _, image in contents(back) if who == person) for person in back.identities.names}
    assert groups == {frozenset({encode(0)}), frozenset({encode(1), encode(2), encode(4)}), frozenset({encode(3)})}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "in/out" / RENAMED_FILE).read_text())))
    assert "../up" in {row["original"] for row in rows} or "../../evil.jpg" in {row["original"] for row in rows}


def test_images_without_an_ending_get_one_by_their_content(tmp_path):
    convert_to_files(Images(["1", "2"], ["a", "b"]), tmp_path / "out", format="folder")
    assert sorted(tree(tmp_path / "out")) == [".femb.json", "a/1.jpg", "b/2.jpg"]


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_images_stop_or_are_left_out(faces, tmp_path, format):
    (faces.path / "eve/0.jpg").write_bytes(encode(0)[:-40])
    with pytest.raises(FembError, match=r"eve/0\.jpg") as caught:
        convert_to_files(faces, tmp_path / "out", format=format)
    assert "--on-error skip" in caught.value.hint
    assert not list(tmp_path.glob("*out*"))
    done = convert_to_files(faces, tmp_path / "out", format=format, on_error="skip")
    assert (done.num_images, done.num_skipped, done.skipped[0][0]) == (8, 1, "eve/0.jpg")
    assert len(open_source(tmp_path / "out")) == 8


@pytest.mark.parametrize("format", FORMATS)
def test_an_interrupted_conversion_leaves_nothing_and_starts_again(faces, tmp_path, format):
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_to_files(faces, tmp_path / "out", format=format, progress=interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces"]
    assert convert_to_files(faces, tmp_path / "out", format=format).num_images == 9


@pytest.mark.parametrize("format", FORMATS)
def test_only_a_dataset_is_overwritten(faces, tmp_path, format):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter.txt").write_text("dear")
    with pytest.raises(FembError, match="is not a dataset"):
        convert_to_files(faces, tmp_path / "home", format=format, overwrite=True)
    convert_to_files(faces, tmp_path / "out", format=format)
    with pytest.raises(FembError, match="exists already"):
        convert_to_files(faces, tmp_path / "out", format=format)
    assert convert_to_files(faces, tmp_path / "out", format=format, overwrite=True, limit=2).num_images == 2


def test_columns_that_are_not_written_are_named(tmp_path, faces):
    rows = "".join(f"{name},{name.split('/')[0]},{row}\n" for row, name in enumerate(faces.names))
    (tmp_path / "faces/list.csv").write_text("path,identity,age\n" + rows)
    with pytest.warns(UserWarning, match=re.escape("are not written: age")):
        convert_to_files(open_source(tmp_path / "faces/list.csv"), tmp_path / "out", format="folder")


def test_a_conversion_of_shards_resumes_only_from_the_same_shards(tmp_path, faces):
    """What a journal compares is the size and the time of every shard."""
    from femb_cli.data.conversion.convert import _files_of

    write_tar(tmp_path / "s/a.tar", {"p/1.jpg": encode(1)})
    write_tar(tmp_path / "s/b.tar", {"q/1.jpg": encode(2)})
    assert _files_of(open_source(tmp_path / "s")) == [tmp_path / "s/a.tar", tmp_path / "s/b.tar"]
