"""The list beside a record file adds its extra columns, if it is a list of the same images."""

import numpy as np
import pytest
from records import image, write

from femb_cli.data.recordio.record_source import RecordSource


def test_a_list_beside_the_records_adds_its_further_columns(tmp_path):
    path = write(tmp_path, [image(label, b"x") for label in (4, 4, 7)], keys=[3, 1, 2])
    (tmp_path / "train.lst").write_text("a.jpg\t4\tAsian\nb.jpg\t7\tIndian\nc.jpg\t4\tAfrican\n")
    extra = RecordSource(path).extra(np.array([2, 0]))
    assert extra.to_pydict() == {"column_3": ["Indian", "African"]}


def test_a_list_of_other_images_is_left_out_with_a_warning(tmp_path):
    path = write(tmp_path, [image(label, b"x") for label in (4, 4, 7)], keys=[1, 2, 3])
    (tmp_path / "train.lst").write_text("a.jpg\t7\tAsian\nb.jpg\t4\tIndian\nc.jpg\t4\tAfrican\n")
    with pytest.warns(UserWarning, match=r"train\.lst does not name the identities"):
        assert RecordSource(path).extra(np.array([0])) is None


def test_a_list_without_further_columns_adds_nothing(tmp_path):
    path = write(tmp_path, [image(4, b"x")], keys=[1])
    (tmp_path / "train.lst").write_text("1\ta.jpg\t4\n")
    assert RecordSource(path).extra(np.array([0])) is None
