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


def people(source: RecordSource) -> list[str]:
    return [source.identities.names[label] for label in source.identities.labels_N]


@pytest.mark.parametrize(("labels", "fault"), [((0, 0, 0, 0), "all are the same"), ((0, 1, 2, 3), "all differ")])
@pytest.mark.parametrize("name", ["list.txt", "train.lst"])
def test_labels_that_say_nothing_give_way_to_the_list_beside_them(tmp_path, labels, fault, name):
    path = write(tmp_path, [image(label, b"x") for label in labels], keys=[4, 1, 2, 3])
    (tmp_path / "property").write_text("2,112,112\n")
    (tmp_path / name).write_text("a.jpg ada\nb.jpg bob\nc.jpg ada\nd.jpg bob\n")
    source = RecordSource(path)
    assert people(source) == ["bob", "ada", "bob", "ada"]
    assert f"{fault}: people are those of {name}" in source.found.guess


def test_the_lines_of_a_shuffled_list_are_found_by_their_keys(tmp_path):
    path = write(tmp_path, [image(0, b"x") for _ in range(4)], keys=[7, 5, 6, 9])
    (tmp_path / "train.lst").write_text("9\t0\ta.jpg\n7\t1\tb.jpg\n6\t1\tc.jpg\n5\t0\td.jpg\n")
    assert people(RecordSource(path)) == ["1", "0", "1", "0"]


def test_a_list_of_other_images_is_named_and_does_not_count(tmp_path):
    path = write(tmp_path, [image(0, b"x") for _ in range(3)], keys=[1, 2, 3])
    (tmp_path / "list.txt").write_text("a.jpg ada\nb.jpg bob\n")
    source = RecordSource(path)
    assert source.identities.names == ["0"]
    assert "list.txt has 2 lines for 3 images" in source.found.guess


def test_labels_that_say_something_need_no_list(tmp_path):
    path = write(tmp_path, [image(label, b"x") for label in (0, 0, 1)], keys=[1, 2, 3])
    (tmp_path / "list.txt").write_text("a.jpg ada\nb.jpg bob\nc.jpg ada\n")
    assert people(RecordSource(path)) == ["0", "0", "1"]
