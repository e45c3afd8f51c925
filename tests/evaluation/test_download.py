"""Downloads: continued, started over, refused."""

import pytest
from range_server import RangeHandler, serve

from femb_cli.errors import FembError
from femb_cli.evaluation.download import download

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def server(tmp_path_factory):
    """The address of a local server of one file."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "archive.zip").write_bytes(CONTENT)
    with serve(folder) as address:
        yield address


def test_a_broken_download_is_continued(server, tmp_path):
    target = tmp_path / "archive.zip"
    (tmp_path / "archive.zip.part").write_bytes(CONTENT[:1000])
    download(f"{server}/archive.zip", target)
    assert target.read_bytes() == CONTENT
    assert RangeHandler.ranges == ["bytes=1000-"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_part_longer_than_the_file_starts_over(server, tmp_path):
    (tmp_path / "archive.zip.part").write_bytes(CONTENT + b"x")
    download(f"{server}/archive.zip", tmp_path / "archive.zip")
    assert (tmp_path / "archive.zip").read_bytes() == CONTENT


def test_a_missing_file_on_the_server_is_an_error(server, tmp_path):
    with pytest.raises(FembError, match="404"):
        download(f"{server}/nothing.zip", tmp_path / "nothing.zip")
