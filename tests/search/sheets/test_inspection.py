"""The page and the picture of an inspection."""

import numpy as np
import pytest
from browser import look_at, needs_browser
from matplotlib.figure import Figure
from pictures import people
from PIL import Image

from femb_cli.data.identities import Identities
from femb_cli.data.inspection.doubles import Doubles
from femb_cli.data.inspection.people import count_people
from femb_cli.data.open import open_source
from femb_cli.errors import FembError
from femb_cli.search.sheets import chosen_rows
from femb_cli.search.sheets.chosen_rows import sections_of_images, sections_of_pairs
from femb_cli.search.sheets.histogram import Histogram, draw_histogram, histogram_of_people, histogram_of_values
from femb_cli.search.sheets.inspection import Sheet, write_sheet


@pytest.fixture
def sheet(tmp_path):
    source = open_source(people(tmp_path / "photos", {"<anna>": 3, "bert": 7}))
    (source.path / "bert/0.jpg").write_bytes(b"")
    sections = sections_of_images(source, Doubles([[0, 1]]))
    histogram = histogram_of_people(count_people(source.identities))
    return Sheet("photos <1>", {"images": "10\nand more"}, ["the <colours>"], histogram, sections, source)


def test_a_page_shows_facts_people_and_equal_images(tmp_path, sheet):
    write_sheet(tmp_path / "page.html", sheet)
    page = (tmp_path / "page.html").read_text()
    titles = [line.split(">")[1].split("<")[0] for line in page.splitlines() if line.startswith(("<h2", "<h3"))]
    assert titles == [
        *("What was found", "People and their images: 2 of 2 people", "&lt;anna&gt; (3)", "bert (7)"),
        *("Equal images: 1 of 1 sets", "0.jpg = 1.jpg"),
    ]
    assert page.count("data:image/jpeg") == 3 + 4 + 1
    assert "no image of bert/0.jpg" in page
    assert "Images per person: 3-4: 1, 5-9: 1" in page
    assert "<anna>" not in page
    assert "the &lt;colours&gt;" in page


def test_a_picture_shows_the_same(tmp_path, sheet):
    write_sheet(tmp_path / "page.png", sheet)
    with Image.open(tmp_path / "page.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape[1] == 1500
    greenish = (pixels[:, :, 1] > 200) & (pixels[:, :, 2] < 60)  # the colour of the pictures
    assert greenish.sum() > 8 * 50 * 50
    with pytest.raises(FembError, match="exists already"):
        write_sheet(tmp_path / "page.png", sheet)


def test_the_people_and_images_shown_are_spread_evenly(tmp_path, monkeypatch):
    monkeypatch.setattr(chosen_rows, "PEOPLE", 2)
    monkeypatch.setattr(chosen_rows, "PICTURES_EACH", 3)
    source = open_source(people(tmp_path / "photos", {"a": 5, "b": 1, "c": 2}))
    (section,) = sections_of_images(source, Doubles([]))
    assert section.title == "People and their images: 2 of 3 people"
    assert [(strip.title, strip.rows) for strip in section.strips] == [("a (5)", [0, 2, 4]), ("c (2)", [6, 7])]
    source.identities = Identities([], np.full(8, -1))
    assert sections_of_images(source, Doubles([]))[0].title == "Images: 8 of 8"


def test_pairs_stand_together():
    genuine, impostor = sections_of_pairs(np.array([True, False, True]), np.array([0, 2, 4]), np.array([1, 3, 5]))
    assert genuine.title == "Genuine pairs: 2 of 2"
    assert [strip.rows for strip in genuine.strips] == [[0, 1], [4, 5]]
    assert [strip.rows for strip in impostor.strips] == [[2, 3]]


def test_equal_values_have_a_histogram():
    assert sum(histogram_of_values("Magnitudes", np.ones(5)).counts) == 5
    assert sum(histogram_of_values("Magnitudes", np.zeros(5)).counts) == 5
    assert histogram_of_values("Magnitudes", np.empty(0)) is None


@needs_browser
def test_a_page_fits_screens_and_asks_for_nothing(tmp_path, sheet):
    write_sheet(tmp_path / "page.html", sheet)
    for view in look_at((tmp_path / "page.html").read_text(), tmp_path, dark=True):
        assert view["requests"] == []
        assert view["content_width"] <= view["width"]
        assert view["landmarks"] == [1, 1, 1]
        assert all(image["drawn"] and image["alt"] for image in view["images"])
        assert min(text["contrast"] for text in view["contrasts"]) >= 4.5


def test_counts_are_whole_numbers():
    axes = Figure().add_subplot()
    draw_histogram(axes, Histogram("Magnitudes", "Magnitude", "Embeddings", ["1", "2"], [1, 4]))
    assert all(tick == int(tick) for tick in axes.get_yticks())
