"""Folders of groups."""

import csv

import numpy as np
import pytest
from pictures import people, tree

from femb_cli.data.files.folder import FolderSource
from femb_cli.errors import FembError
from femb_cli.search.folders import link_groups, move_groups

GROUPS = [np.array([0, 2]), np.array([1])]
PLACES = ["group-0001/anna/0.jpg", "group-0001/bert/0.jpg", "singles/anna/1.jpg"]


@pytest.fixture
def photos(tmp_path):
    return FolderSource(people(tmp_path / "photos", {"anna": 2, "bert": 1}))


def test_links_lead_to_the_images_which_stay(photos, tmp_path):
    before = tree(photos.path)
    assert link_groups(tmp_path / "out", photos, photos.names, GROUPS) == 3
    assert sorted(tree(tmp_path / "out")) == PLACES
    assert all((tmp_path / "out" / place).is_symlink() for place in PLACES)
    assert (tmp_path / "out" / PLACES[1]).read_bytes() == before["bert/0.jpg"]
    assert tree(photos.path) == before


def test_moved_images_are_listed_with_where_they_were(photos, tmp_path):
    before = tree(photos.path)
    assert move_groups(tmp_path / "out", photos, photos.names, GROUPS) == 3
    assert tree(photos.path) == {}
    with (tmp_path / "out/moved.csv").open(newline="") as file:
        moves = [*csv.DictReader(file)]
    assert [move["from"] for move in moves] == [
        str(photos.path / name) for name in ("anna/0.jpg", "bert/0.jpg", "anna/1.jpg")
    ]
    assert [move["to"] for move in moves] == [str(tmp_path / "out" / place) for place in PLACES]
    assert tree(tmp_path / "out")[PLACES[1]] == before["bert/0.jpg"]


@pytest.mark.parametrize("put", [link_groups, move_groups])
def test_a_folder_that_exists_is_never_written_to(photos, tmp_path, put):
    (tmp_path / "out").mkdir()
    before = tree(photos.path)
    with pytest.raises(FembError, match="exists already"):
        put(tmp_path / "out", photos, photos.names, GROUPS)
    assert tree(photos.path) == before


def test_an_image_in_a_linked_folder_is_not_moved(photos, tmp_path):
    (photos.path / "carl").symlink_to(people(tmp_path / "elsewhere", {"carl": 1}) / "carl")
    source = FolderSource(photos.path)
    before = tree(tmp_path)
    with pytest.raises(FembError, match="carl is a link to another folder"):
        move_groups(tmp_path / "out", source, source.names, [np.arange(4)])
    assert tree(tmp_path) == before
    assert link_groups(tmp_path / "out", source, source.names, [np.arange(4)]) == 4


def test_a_link_is_not_moved(photos, tmp_path):
    (photos.path / "anna/2.jpg").symlink_to("0.jpg")
    source = FolderSource(photos.path)
    with pytest.raises(FembError, match=r"2.jpg is a link, or is gone"):
        move_groups(tmp_path / "out", source, source.names, [np.arange(4)])
    assert not (tmp_path / "out").exists()


def test_a_move_that_fails_says_how_far_it_came(photos, tmp_path, monkeypatch):
    from pathlib import Path

    rename = Path.rename

    def fails_later(old, new):
        if "bert" in str(old):
            raise PermissionError(13, "Permission denied")
        return rename(old, new)

    monkeypatch.setattr(Path, "rename", fails_later)
    with pytest.raises(FembError, match="Permission denied") as caught:
        move_groups(tmp_path / "out", photos, photos.names, GROUPS)
    assert "1 of 3 images were moved" in caught.value.hint
    assert (photos.path / "bert/0.jpg").is_file() and (tmp_path / "out" / PLACES[0]).is_file()
