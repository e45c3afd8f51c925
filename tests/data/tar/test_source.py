"""Images in tar archives: who is on them, in which order, and what is refused."""

import errno
import json
import logging
import os
import pickle
import tarfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pictures import encode
from tars import PEOPLE, samples, write_tar

from femb_cli.data.files.unread import unread_of
from femb_cli.data.open import open_source
from femb_cli.data.read_as import ReadAs
from femb_cli.data.source import ImageSource
from femb_cli.data.tar import compressed
from femb_cli.data.tar import index as tar_index
from femb_cli.data.tar import source as tar_source
from femb_cli.errors import FembError


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    """A cache of its own, in which even small archives have an index."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FEMB_CACHE_DIR", str(folder))
    monkeypatch.setattr(tar_index, "_WORTH_KEEPING_BYTES", 0)
    return folder


@pytest.fixture
def said(caplog, monkeypatch) -> pytest.LogCaptureFixture:
    """What femb says; the command line keeps it from pytest."""
    monkeypatch.setattr(logging.getLogger("femb"), "propagate", True)
    caplog.set_level("INFO", logger="femb")
    return caplog


def people_of(source: ImageSource) -> list[str | None]:
    names, labels_N = source.identities.names, source.identities.labels_N
    return [None if label < 0 else names[label] for label in labels_N.tolist()]


def opened(folder: Path, members: dict[str, bytes]) -> ImageSource:
    return open_source(write_tar(folder / "x.tar", members))


@pytest.fixture
def shards(tmp_path) -> Path:
    """Two shards of four samples, beside a README."""
    for number in range(2):
        write_tar(tmp_path / "shards" / f"faces-{number:04d}.tar", samples(4, start=4 * number))
    (tmp_path / "shards" / "README.md").write_text("faces")
    return tmp_path / "shards"


@pytest.mark.parametrize("place", ["", "faces-{0000..0001}.tar", "faces-*.tar", "faces-{0000,0001}.tar"])
def test_shards_are_one_dataset_in_the_order_of_their_names(shards, place):
    source = open_source(shards / place)
    assert (source.kind, len(source), dict(unread_of(source))) == ("webdataset", 8, {})
    assert [source.read(row) for row in range(8)] == [encode(number) for number in range(8)]
    assert people_of(source) == [str(number % PEOPLE) for number in range(8)]
    assert list(source.names) == [f"{number:06d}.jpg" for number in range(8)]


def test_a_single_shard_is_a_dataset(shards):
    assert people_of(open_source(shards / "faces-0001.tar")) == ["1", "2", "0", "1"]


@pytest.mark.parametrize(("mode", "ending"), [("w:gz", ".tar.gz"), ("w:gz", ".tgz"), ("w:bz2", ".tar.bz2")])
def test_compressed_shards_are_unpacked_once(tmp_path, cache, mode, ending, said):
    for number in range(2):
        write_tar(tmp_path / f"faces-{number}{ending}", samples(4, start=4 * number), mode)
    for _ in range(2):
        source = open_source(tmp_path)
        assert [source.read(row) for row in (7, 0)] == [encode(7), encode(0)]
    assert len([line for line in said.messages if line.startswith("unpacking 2 archives")]) == 1
    source.remove_unpacked()
    assert not list(cache.rglob("*.tar"))


def test_names_in_two_archives_are_told_apart(tmp_path):
    for shard in "ab":
        write_tar(tmp_path / f"{shard}.tar", samples(2))
    assert list(open_source(tmp_path).names) == [f"{shard}.tar/{n:06d}.jpg" for shard in "ab" for n in range(2)]


def test_a_packed_folder_of_people_is_read_as_the_folder(tmp_path):
    source = opened(tmp_path, {"./top/zoë/1.jpg": b"Z", "./top/ann/1.jpg": b"A", "./top/ann/notes.txt": b"long text"})
    assert (source.kind, people_of(source), source.unread) == ("tar", ["zoë", "ann"], {".txt": 1})
    assert (source.names[0], source.read(0)) == ("top/zoë/1.jpg", b"Z")


@pytest.mark.parametrize(
    ("labels", "people"),
    [
        ([b"7", b" 10\n", b"7", b"2.0"], ["7", "10", "7", "2"]),
        ([b"ann", "zo\u00eb".encode(), b"ann", b"bea"], ["ann", "zoë", "ann", "bea"]),
        ([b"1", b"2", b"", b"-1"], ["1", "2", None, None]),
        ([b"1", b"2", b"1", b"\xff\xfe"], ["1", "2", "1", None]),
        ([b"1", b"2", b"1", bytes(600)], ["1", "2", "1", None]),
    ],
)
def test_labels_are_numbers_or_texts(tmp_path, labels, people):
    members = {f"{row}.jpg": encode(row) for row in range(4)} | {f"{row}.cls": text for row, text in enumerate(labels)}
    source = opened(tmp_path, members)
    assert people_of(source) == people
    assert source.identities.names == sorted({name for name in people if name}, key=lambda x: (len(x), x))


def test_a_text_among_numbers_is_no_label_and_that_is_said(tmp_path):
    members = samples(4) | {"000002.cls": b"two"}
    with pytest.warns(UserWarning, match="1 labels of .*x.tar are no numbers, as most are; the first is 'two'"):
        assert people_of(opened(tmp_path, members)) == ["0", "1", None, "0"]


def test_an_image_without_a_label_has_no_identity_and_a_label_without_an_image_is_counted(tmp_path):
    members = samples(4)
    del members["000001.cls"], members["000003.jpg"]
    source = opened(tmp_path, members)
    assert (people_of(source), source.unread) == (["0", None, "2"], {".cls": 1})


def test_labels_may_be_in_json_under_many_keys(tmp_path):
    members = {}
    for row, label in enumerate([3, 1, 3]):
        about = {"identity": label, "id": row, "box": [1, 2], "flag": True}
        members |= {f"a/{row}.jpg": encode(row), f"a/{row}.json": json.dumps(about).encode()}
    source = opened(tmp_path, members)
    assert (people_of(source), source.unread) == (["3", "1", "3"], {})
    assert source.found.guess == (
        "people are the values of 'identity' in .json beside each image, not of 'id' in .json; --label id takes those"
        " instead"
    )
    by_id = open_source(source.path, read_as=ReadAs(label="id"))
    assert (people_of(by_id), by_id.found.guess) == (["0", "1", "2"], "")
    assert people_of(pickle.loads(pickle.dumps(by_id))) == ["0", "1", "2"]
    with pytest.raises(FembError, match="no .json member has the key 'age'"):
        open_source(source.path, read_as=ReadAs(label="age"))


def test_the_user_may_name_the_folders_instead_of_the_labels(tmp_path):
    source = opened(tmp_path, {f"{'pqq'[row]}/{row}.jpg": encode(row) for row in range(3)} | {"p/0.cls": b"5"})
    assert people_of(source) == ["5", None, None]
    assert people_of(open_source(source.path, read_as=ReadAs(person_folder="-1"))) == ["p", "q", "q"]


def test_a_number_of_the_row_is_not_taken_where_another_field_repeats(tmp_path):
    members = {}
    for row in range(4):
        members |= {f"{row}.jpg": encode(row), f"{row}.json": json.dumps({"label": row, "id": row % 2}).encode()}
    assert people_of(opened(tmp_path, members)) == ["0", "1", "0", "1"]


@pytest.mark.parametrize(
    ("texts", "people"),
    [(["ann", "ann", "bea"], ["ann", "ann", "bea"]), (["a face", "one more", "a man"], ["p", "p", "q"])],
)
def test_txt_members_are_labels_only_if_they_repeat(tmp_path, texts, people):
    members = {f"{'ppq'[row]}/{row}.jpg": encode(row) for row in range(3)}
    members |= {f"{'ppq'[row]}/{row}.txt": text.encode() for row, text in enumerate(texts)}
    assert people_of(opened(tmp_path, members)) == people


def test_the_key_of_a_sample_may_have_folders_and_is_no_person(tmp_path):
    members = {"train/m.0a/1.jpg": b"A", "train/m.0a/1.cls": b"5", "train/m.0b/1.jpg": b"B", "train/m.0b/1.cls": b"5"}
    assert people_of(opened(tmp_path, members)) == ["5", "5"]


def test_other_images_of_a_sample_are_not_faces(tmp_path):
    source = opened(tmp_path, {"1.jpg": b"A", "1.mask.png": b"M", "1.cls": b"0", "2.jpg": b"B", "2.cls": b"1"})
    assert (list(source.names), source.unread) == (["1.jpg", "2.jpg"], {".png": 1})
    with pytest.raises(FembError, match=r"the sample '1' in .* has two images, '1\.jpg' and '1\.png'"):
        opened(tmp_path, {"1.jpg": b"A", "1.png": b"M", "1.cls": b"0"})


def test_names_with_dots_find_their_labels(tmp_path):
    source = opened(tmp_path, {"a.b.jpg": b"A", "a.b.cls": b"7", "a.c.jpg": b"B", "a.c.cls": b"8"})
    assert people_of(source) == ["7", "8"]


@pytest.mark.parametrize("name", ["../a.jpg", "x/../../a.jpg", "/a.jpg", "C:/a.jpg", "x\\a.jpg", "a\n.jpg"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(FembError, match=r"\.jpg' in .*x\.tar"):
        opened(tmp_path, {name: b"A", "a/1.jpg": b"A"})


@pytest.mark.parametrize("repeated", ["1.jpg", "1.cls"])
def test_a_name_that_is_there_twice_is_refused(tmp_path, repeated):
    path = write_tar(tmp_path / "x.tar", {"1.jpg": b"A", "1.cls": b"0", "2.jpg": b"B"})
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo(repeated))
    with pytest.raises(FembError, match=f"holds the name '{repeated}' 2 times"):
        open_source(path)


def test_an_image_that_claims_too_much_is_refused(tmp_path):
    path = tmp_path / "x.tar"
    with path.open("wb") as file:
        member = tarfile.TarInfo("a/1.jpg")
        member.size = 2**27
        file.write(member.tobuf())
        file.truncate(2**27 + 2048)
    with pytest.raises(FembError, match=r"'a/1\.jpg' in .* claims 134217728 bytes"):
        open_source(path)


def test_an_archive_of_a_dataset_says_what_to_do(tmp_path):
    with pytest.raises(FembError, match="a dataset in another format") as caught:
        opened(tmp_path, {"faces/train.rec": b"", "faces/train.idx": b""})
    assert "unpack it, and name the folder" in caught.value.hint
    with pytest.raises(FembError, match="no images in") as caught:
        opened(tmp_path, {"a.mp4": b""})
    assert caught.value.hint == "1 file not read: 1 .mp4"


def test_an_archive_that_shrinks_after_it_was_opened_is_noticed(tmp_path):
    source = opened(tmp_path, samples(4))
    with source.files[0].open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(FembError, match=r"'000003\.jpg' in .* is cut short"):
        source.read(3)


def test_the_index_is_made_once_and_again_if_the_archive_changes(tmp_path, monkeypatch, cache):
    made = []
    monkeypatch.setattr(
        tar_index, "_make", lambda path, label, make=tar_index._make: made.append(path) or make(path, label)
    )
    first, again = opened(tmp_path, samples(4)), open_source(tmp_path / "x.tar")
    assert (len(made), list(first.names), people_of(first)) == (1, list(again.names), people_of(again))
    assert again.read(3) == encode(3)
    assert len(opened(tmp_path, samples(5))) == 5
    assert len(made) == 2
    for file in cache.rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:-200])
    assert len(open_source(tmp_path / "x.tar")) == 5
    assert len(made) == 3


def test_threads_and_copies_read_the_same(shards, monkeypatch):
    source = open_source(shards)
    copy = pickle.loads(pickle.dumps(source))
    monkeypatch.setattr(tar_source, "_MOST_OPEN_FILES", 1)
    for one in (source, copy):
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(one.read, list(range(8)) * 20)) == [encode(row) for row in range(8)] * 20


def test_names_of_numbers_are_read_beside_the_shards(shards):
    (shards / "identities.json").write_text(json.dumps(["ann", "bea", "zoë"]))
    assert people_of(open_source(shards))[:4] == ["ann", "bea", "zoë", "ann"]
    (shards / "identities.json").write_text(json.dumps(["ann"]))
    with pytest.warns(UserWarning, match="has no name for each label"):
        assert people_of(open_source(shards))[:2] == ["0", "1"]


def test_splits_of_a_folder_are_told_apart(tmp_path):
    write_tar(tmp_path / "train-0000.tar", samples(4))
    write_tar(tmp_path / "val-0000.tar", samples(2))
    with pytest.raises(FembError, match="several splits: train, validation"):
        open_source(tmp_path)
    assert (len(open_source(tmp_path, split="train")), len(open_source(tmp_path, split="val"))) == (4, 2)


def test_missing_files_of_a_pattern_are_named(shards):
    with pytest.raises(FembError, match=r"1 of 3 files .* do not exist, the first is .*faces-0002\.tar"):
        open_source(shards / "faces-{0000..0002}.tar")
    with pytest.raises(FembError, match=r"no file is called as .*other-\*\.tar"):
        open_source(shards / "other-*.tar")
    for pattern in ("x-{5..2}.tar", "x-{0..999999999}.tar", "{0..9999}{0..9999}.tar"):
        with pytest.raises(FembError, match="range|more than"):
            open_source(shards / pattern)


def test_a_few_images_beside_archives_are_not_the_dataset_and_that_is_said(shards, said):
    (shards / "example.png").write_bytes(encode(1, form="PNG"))
    assert len(open_source(shards)) == 8
    assert "1 images beside them are not read" in said.text


def test_a_backup_among_images_is_only_counted(shards):
    for number in range(3):
        (shards / f"{number}.jpg").write_bytes(encode(number))
    source = open_source(shards)
    assert (source.kind, len(source), source.unread) == ("folder", 3, {".tar": 2, ".md": 1})


def test_a_bomb_is_refused(tmp_path, monkeypatch, cache):
    monkeypatch.setattr(compressed, "_ALWAYS_ALLOWED_BYTES", 0)
    write_tar(tmp_path / "x.tar.gz", {"a/1.jpg": bytes(2**22)}, "w:gz")
    with pytest.raises(FembError, match=r"x\.tar\.gz has .* bytes and unpacks to more than"):
        open_source(tmp_path / "x.tar.gz")
    assert not list(cache.rglob("*.tar"))


def test_what_a_killed_command_left_half_unpacked_is_removed(tmp_path, cache):
    left = cache / "tar/0123" / ".other.tar.abc.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(bytes(1000))
    os.utime(left, (0, 0))
    open_source(write_tar(tmp_path / "x.tar.gz", samples(2), "w:gz"))
    assert not left.exists()


def test_a_cache_on_a_full_disk_is_named_with_what_to_do(tmp_path, monkeypatch):
    archive = write_tar(tmp_path / "x.tar.gz", samples(2), "w:gz")
    monkeypatch.setattr(compressed, "_pieces", lambda archive: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space")))
    with pytest.raises(FembError, match=r"cannot write .*x\.tar") as caught:
        open_source(archive)
    assert "FEMB_CACHE_DIR" in caught.value.hint


def test_a_compressed_archive_that_is_cut_short_is_named(tmp_path):
    path = write_tar(tmp_path / "x.tar.gz", {"a/1.jpg": np.random.default_rng(0).bytes(5000)}, "w:gz")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(FembError, match=r"cannot unpack .*x\.tar\.gz"):
        open_source(path)


def test_shards_are_read_without_a_warning(shards):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_source(shards)
