"""Downloads: continued, started over, refused; never of two versions."""

import hashlib
import threading

import pytest
from range_server import RangeHandler, serve

from femb_cli.errors import FembError
from femb_cli.evaluation.download import download

CONTENT = bytes(range(256)) * 1000
NEWER = CONTENT[::-1] + b"newer"


@pytest.fixture
def published(tmp_path_factory):
    """The folder that the server publishes: one file."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "archive.zip").write_bytes(CONTENT)
    return folder


@pytest.fixture
def server(published):
    """The address of a local server of that folder."""
    with serve(published) as address:
        yield address


@pytest.fixture
def broken(server, tmp_path):
    """The target of a download that ended after 1000 bytes."""
    RangeHandler.breaks_after.append(1000)
    with pytest.raises(FembError, match="the connection ended after 1,000 of 256,000 bytes"):
        download(f"{server}/archive.zip", tmp_path / "archive.zip")
    return tmp_path / "archive.zip"


def test_a_broken_download_is_continued(server, broken):
    assert download(f"{server}/archive.zip", broken) == len(CONTENT)
    assert broken.read_bytes() == CONTENT
    assert RangeHandler.ranges == ["bytes=1000-"]
    assert list(broken.parent.iterdir()) == [broken]


@pytest.mark.parametrize("fault", ["no ranges", "no If-Range", "other start", "other total"])
def test_a_file_that_was_published_anew_starts_over(server, published, broken, fault):
    (published / "archive.zip").write_bytes(NEWER)
    RangeHandler.faults.add(fault)
    download(f"{server}/archive.zip", broken)
    assert broken.read_bytes() == NEWER


@pytest.mark.parametrize("fault", ["no ranges", "no tag", "other start", "other total"])
def test_a_server_that_does_not_send_the_rest_is_asked_for_the_whole(server, broken, fault):
    RangeHandler.faults.add(fault)
    download(f"{server}/archive.zip", broken)
    assert broken.read_bytes() == CONTENT


def test_a_part_of_another_address_starts_over(server, published, broken):
    (published / "other.zip").write_bytes(NEWER)
    download(f"{server}/other.zip", broken)
    assert broken.read_bytes() == NEWER


@pytest.mark.parametrize("note", [None, b"", b"{", b"[1]", b"\xff"])
def test_a_part_of_an_unknown_version_starts_over(server, tmp_path, note):
    (tmp_path / "archive.zip.part").write_bytes(NEWER[:1000])
    if note is not None:
        (tmp_path / "archive.zip.part.json").write_bytes(note)
    download(f"{server}/archive.zip", tmp_path / "archive.zip")
    assert (tmp_path / "archive.zip").read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [tmp_path / "archive.zip"]


def test_a_part_longer_than_the_file_starts_over(server, broken):
    with broken.with_name("archive.zip.part").open("ab") as part:
        part.write(CONTENT)
    download(f"{server}/archive.zip", broken)
    assert broken.read_bytes() == CONTENT


def test_two_downloads_of_one_file_share_one_result(server, tmp_path):
    sizes = []
    threads = [
        threading.Thread(target=lambda: sizes.append(download(f"{server}/archive.zip", tmp_path / "archive.zip")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [len(CONTENT)] * 8
    assert (tmp_path / "archive.zip").read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [tmp_path / "archive.zip"]


def test_a_file_with_another_checksum_than_the_published_one_gets_no_name(server, tmp_path):
    target = tmp_path / "archive.zip"
    with pytest.raises(FembError, match="is not the published file"):
        download(f"{server}/archive.zip", target, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []
    download(f"{server}/archive.zip", target, sha256=hashlib.sha256(CONTENT).hexdigest())


@pytest.mark.parametrize("address", ["no address", "gopher://x/y", "http://", "http://h\xf6\x00st/x", "http://x/a b\n"])
def test_an_address_that_is_none_is_one_error_with_address_and_path(tmp_path, address):
    with pytest.raises(FembError) as caught:
        download(address, tmp_path / "archive.zip")
    assert address in caught.value.message
    assert str(tmp_path / "archive.zip") in caught.value.message


def test_a_missing_file_on_the_server_is_an_error(server, tmp_path):
    with pytest.raises(FembError, match="404"):
        download(f"{server}/nothing.zip", tmp_path / "nothing.zip")


@pytest.mark.parametrize("place", ["file/archive.zip", "/dev/full"])
def test_a_place_that_cannot_be_written_to_is_an_error_with_address_and_path(server, tmp_path, monkeypatch, place):
    (tmp_path / "file").touch()
    target = tmp_path / place
    if place == "/dev/full":
        target = tmp_path / "archive.zip"
        target.with_name("archive.zip.part").symlink_to(place)
    with pytest.raises(FembError) as caught:
        download(f"{server}/archive.zip", target)
    assert f"{server}/archive.zip" in caught.value.message
    assert str(target) in caught.value.message
