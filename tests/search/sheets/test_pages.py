"""The pages of hits and of groups: what they show, and how large they may be."""

from pathlib import Path

import numpy as np
import pytest
from browser import look_at, needs_browser
from pictures import people

from femb_cli.data.files.folder import FolderSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.search.found import find
from femb_cli.search.grouped import group_stored
from femb_cli.search.sheets import groups as groups_page
from femb_cli.search.sheets import hits as hits_page
from femb_cli.search.sheets.groups import write_groups_page
from femb_cli.search.sheets.hits import write_hits_page
from femb_cli.search.sheets.pictures import SIZE, Pictures


@pytest.fixture
def photos(tmp_path):
    return FolderSource(people(tmp_path / "photos", {"<anna>": 3, "bert": 2, "carl": 1}))


@pytest.fixture
def stored(photos):
    """One direction for each person, and small differences."""
    rows = np.repeat(np.eye(3), [3, 2, 1], axis=0)
    rows[:, 0] += 0.01 * np.arange(6)
    return StoredEmbeddings(Path("faces.npy"), rows, list(photos.names), None)


def write_hits(tmp_path, stored, photos, **options):
    write_hits_page(tmp_path / "hits.html", find(stored, stored, top=2), Pictures(photos), Pictures(photos), **options)
    return (tmp_path / "hits.html").read_text()


def write_groups(tmp_path, stored, photos):
    grouped = group_stored(stored, threshold=0.5, method="average")
    write_groups_page(tmp_path / "groups.html", grouped, Pictures(photos))
    return (tmp_path / "groups.html").read_text()


def test_a_query_stands_beside_its_hits(tmp_path, stored, photos):
    page = write_hits(tmp_path, stored, photos)
    assert page.count("<section") == 6
    assert page.count("data:image/jpeg") == 6 * 3
    first = page.split("<section")[1]
    assert [first.index(f'alt="&lt;anna&gt;/{number}.jpg"') for number in (0, 1, 2)]
    assert "1.000" in first
    assert "<anna>" not in page


def test_a_page_of_hits_is_bounded_and_says_so(tmp_path, stored, photos, monkeypatch):
    monkeypatch.setattr(hits_page, "MOST_PICTURES", 7)
    page = write_hits(tmp_path, stored, photos)
    assert page.count("<section") == 2
    assert "This page shows the first 2 queries." in page


def test_groups_are_blocks_and_singles_come_last(tmp_path, stored, photos):
    page = write_groups(tmp_path, stored, photos)
    titles = [line.split(">")[1].split("<")[0] for line in page.splitlines() if line.startswith("<h2")]
    assert titles == ["Group 1: 3 images", "Group 2: 2 images", "Single images: 1"]
    assert page.count("data:image/jpeg") == 6
    assert "<small>bert/<wbr>0.jpg</small>" in page


def test_a_page_of_groups_is_bounded_and_says_so(tmp_path, stored, photos, monkeypatch):
    monkeypatch.setattr(groups_page, "MOST_OF_A_GROUP", 2)
    monkeypatch.setattr(groups_page, "MOST_PICTURES", 4)
    page = write_groups(tmp_path, stored, photos)
    assert page.count("data:image/jpeg") == 4
    assert "and 1 more<" in page
    assert "it leaves out 1 of the smallest blocks" in page


def test_an_image_that_is_gone_leaves_an_empty_place(tmp_path, stored, photos):
    (photos.path / "bert/0.jpg").unlink()
    page = write_groups(tmp_path, stored, photos)
    assert page.count("data:image/jpeg") == 5
    assert 'aria-label="no image of bert/0.jpg"' in page


def test_a_thumbnail_is_small(tmp_path):
    from PIL import Image

    (tmp_path / "photos").mkdir()
    Image.effect_noise((1000, 2000), 60).save(tmp_path / "photos/large.jpg")
    uri = Pictures(FolderSource(tmp_path / "photos")).thumbnail("large.jpg")
    assert SIZE == 64
    assert len(uri) < 6000


def test_the_images_of_other_embeddings_are_refused(photos):
    with pytest.raises(FembError, match=r"none of the 1 names of faces.npy is in .*photos: the first name is 'x.jpg'"):
        Pictures(photos).check_names(["x.jpg"], "faces.npy")


def test_an_existing_page_is_kept(tmp_path, stored, photos):
    write_hits(tmp_path, stored, photos)
    with pytest.raises(FembError, match="exists already"):
        write_hits(tmp_path, stored, photos)
    write_hits(tmp_path, stored, photos, overwrite=True)


@needs_browser
def test_the_pages_fit_a_phone_and_a_screen_reader(tmp_path, stored, photos):
    # One document holds the body of both pages, because starting the browser takes longer than all other tests here.
    hits, groups = write_hits(tmp_path, stored, photos), write_groups(tmp_path, stored, photos)
    both = hits.replace("</main>", groups.partition("<main>")[2].partition("</main>")[0] + "</main>")
    for view in look_at(both, tmp_path, dark=True):
        assert view["requests"] == []
        assert view["content_width"] <= view["width"]
        assert all(image["drawn"] and image["alt"] for image in view["images"])
        assert len(view["images"]) == 6 * 3 + 6
        assert min(text["contrast"] for text in view["contrasts"]) >= 4.5
        assert view["dangling_labels"] == 0
        assert view["landmarks"] == [1, 1, 1]
