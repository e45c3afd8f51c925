"""Names and labels of a source of images."""

import numpy as np
import pytest
from datasets_on_disk import encode, save_foreign, write
from pictures import people

from femb_cli.data.files.folder import FolderSource
from femb_cli.data.huggingface.arrow import DatasetSource
from femb_cli.data.identities import Identities
from femb_cli.data.source import (
    ComputedNames,
    ImageName,
    check_identities,
    names_of,
    read_or_error,
    row_names,
)
from femb_cli.errors import FembError


def test_a_name_without_an_image_is_named_and_numbers_may_have_gaps(tmp_path):
    rows = [{"bytes": encode(1), "path": None}] * 3
    check_identities(DatasetSource(save_foreign(tmp_path / "numbers", {"image": rows, "label": [0, 1, 3]})))
    with pytest.raises(FembError, match=r"the first is 1 \('y'\)"):
        check_identities(
            DatasetSource(save_foreign(tmp_path / "names", {"image": rows, "label": [0, 2, 2]}, ["x", "y", "z"]))
        )


def test_labels_without_a_gap_pass(tmp_path):
    check_identities(DatasetSource(write(tmp_path / "set", [encode(1), encode(2)], [1, 0], ["a", "b"])))


def test_an_image_without_an_identity_is_named(tmp_path):
    source = DatasetSource(write(tmp_path / "set", [encode(1), encode(2)], [1, 0], ["a", "b"]))
    source.identities = Identities(["a"], np.array([0, -1]))
    with pytest.raises(FembError, match=r"1 of 2 images .* 'a/1\.jpg'"):
        check_identities(source)


def test_a_source_without_identities_is_named(tmp_path):
    (people(tmp_path / "faces", {"a": 1}) / "loose.jpg").write_bytes(encode(1))
    with pytest.raises(FembError, match="faces has no identities"):
        check_identities(FolderSource(tmp_path / "faces"))


def test_computed_names_are_a_sequence():
    names = ComputedNames(5, lambda row: f"n{row}")
    assert list(names) == ["n0", "n1", "n2", "n3", "n4"]
    assert (names[-1], names[1:4:2], len(names)) == ("n4", ["n1", "n3"], 5)
    assert names.take(np.array([3, 0])) == ["n3", "n0"]
    with pytest.raises(IndexError):
        names[5]


def test_row_names_sort_as_the_rows_do():
    assert list(row_names(12))[::11] == ["000000000", "000000011"]


def test_names_of_some_rows_are_those_of_each(tmp_path):
    source = FolderSource(people(tmp_path / "faces", {"a": 3}))
    assert names_of(source, np.array([2, 0])) == ["a/2.jpg", "a/0.jpg"]
    assert str(ImageName(source, 1)) == "a/1.jpg"


def test_an_image_that_cannot_be_read_is_an_error_in_its_place(tmp_path):
    source = FolderSource(people(tmp_path / "faces", {"a": 2}))
    (tmp_path / "faces/a/1.jpg").unlink()
    assert read_or_error(source, 0) == source.read(0)
    assert "a/1.jpg" in read_or_error(source, 1).message
