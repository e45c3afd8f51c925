"""Red and blue that look swapped are noticed, and nothing else is."""

import io

import numpy as np
import pytest
from parquets import faces as parquet_faces
from PIL import Image

from femb_cli.data import colours
from femb_cli.data.colours import describe_swapped, survey_colours
from femb_cli.data.huggingface.parquet import ParquetSource
from femb_cli.data.open import open_source
from femb_cli.data.synthetic.faces import photograph

SKIN, GREY = (190, 150, 120), (128, 128, 128)


class Pictures:
    """Small pictures of one colour each, as a source."""

    def __init__(self, *images: tuple[int, int, int] | bytes) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def read(self, row: int) -> bytes:
        if isinstance(image := self.images[row], bytes):
            return image
        buffer = io.BytesIO()
        Image.new("RGB", (16, 16), image).save(buffer, "PNG")
        return buffer.getvalue()


def test_swapped_colours_are_warned_of():
    found = survey_colours(Pictures(*[SKIN[::-1]] * 25, *[GREY] * 3, b"no image"))
    assert (found.mean, found.num_blue, found.num_grey) == (-70, 25, 3)
    assert describe_swapped(found, "do this") == (
        "red and blue look swapped: mean red minus blue at the face centre is -70 over 25 images, and about +65 in"
        " ordinary faces: do this"
    )


@pytest.mark.parametrize(
    "images",
    [[SKIN] * 30, [SKIN] * 20 + [SKIN[::-1]] * 20, [SKIN[::-1]] * 19, [GREY] * 50, []],
    ids=["skin", "a half in blue light", "too few", "grey", "none"],
)
def test_other_colours_are_not(images):
    found = survey_colours(Pictures(*images))
    assert describe_swapped(found, "do this") == ""


def test_drawn_faces_have_the_right_colours():
    found = survey_colours(Pictures(*[photograph(0, person, 0).jpeg for person in range(25)]))
    assert 40 < found.mean < 65


def test_faces_of_lfw_have_the_right_colours_until_they_are_swapped(shared):
    file = shared / "data/lfw_aligned_112.zip"
    assert survey_colours(open_source(file)).mean == pytest.approx(66.3, abs=0.1)
    swapped = survey_colours(open_source(file, channels="bgr"))
    assert swapped.look_swapped
    assert swapped.mean == pytest.approx(-66.3, abs=0.1)


def test_of_many_row_groups_a_few_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(colours, "_GROUPS", 2)
    monkeypatch.setattr(colours, "SAMPLE", 6)
    assert colours._sampled_rows(ParquetSource(parquet_faces(tmp_path / "faces.parquet"))) == [0, 4, 9, 20, 22, 24]
    assert np.diff(colours._sampled_rows(Pictures(*[SKIN] * 100))).min() > 15
