"""The columns of images and labels, found by their types and names."""

import numpy as np
import pyarrow as pa
import pytest
from parquets import image_bytes, images, write

from femb_cli.data.conversion.plan import plan_conversion
from femb_cli.data.huggingface.parquet import ParquetSource
from femb_cli.errors import FembError


def test_plain_bytes_are_images_too(tmp_path):
    columns = {"jpg": [image_bytes(row) for row in range(5)], "identity": ["eve", "adam", None, "eve", "Zoe"]}
    source = ParquetSource(write(tmp_path / "a.parquet", columns, group=2))
    assert [source.read(row) for row in range(5)] == columns["jpg"]
    assert source.identities.names == ["Zoe", "adam", "eve"]
    assert source.identities.labels_N.tolist() == [2, 1, -1, 2, 0]
    assert source.names[4] == "000000004"


def test_structs_go_before_plain_bytes_and_label_before_id(tmp_path):
    columns = {"mask": [b"x"] * 5, "id": list(range(5)), "face": images(range(5)), "label": [1, 0, 1, 0, 1]}
    source = ParquetSource(write(tmp_path / "a.parquet", columns))
    assert source.read(3) == image_bytes(3)
    assert source.identities.labels_N.tolist() == [1, 0, 1, 0, 1]


@pytest.mark.parametrize("kind", [pa.uint8(), pa.int16(), pa.uint64()])
def test_labels_of_any_integer_type_are_read(tmp_path, kind):
    labels = pa.array([0, None, 2], kind)
    source = ParquetSource(write(tmp_path / "a.parquet", {"image": images(range(3)), "label": labels}))
    assert source.identities.labels_N.tolist() == [0, -1, 2]
    assert source.identities.names == ["0", "1", "2"]


def test_several_columns_of_images_are_listed_unless_one_is_called_image(tmp_path):
    columns = {"left": images(range(3)), "right": images(range(3)), "label": [0, 1, 2]}
    with pytest.raises(FembError, match=r"2 columns of images; its columns are left \(struct<.*>\), right") as caught:
        ParquetSource(write(tmp_path / "a.parquet", columns))
    assert "name it image" in caught.value.hint
    columns["image"] = columns.pop("right")
    assert ParquetSource(write(tmp_path / "b.parquet", columns)).read(2) == image_bytes(2)


def test_missing_columns_are_named_with_those_that_are_there(tmp_path):
    with pytest.raises(FembError, match=r"no column of images; its columns are image \(string\), label \(int64\)"):
        ParquetSource(write(tmp_path / "a.parquet", {"image": ["a.jpg"], "label": [0]}))


def test_a_table_without_people_has_images_and_names_its_columns_where_people_are_needed(tmp_path):
    source = ParquetSource(write(tmp_path / "b.parquet", {"image": images(range(2)), "age": [30, 40]}))
    assert (source.read(1), source.identities) == (image_bytes(1), None)
    assert source.extra(np.array([1])).to_pydict() == {"age": [40]}
    with pytest.raises(FembError, match=r"no column of identities; .* age \(int64\)") as caught:
        plan_conversion(source)
    assert "label" in caught.value.hint


@pytest.mark.parametrize("label", [10**12, 2**23])
def test_a_label_too_large_to_count_up_to_is_an_error(tmp_path, label):
    columns = {"image": images(range(2)), "id": [0, label]}
    with pytest.raises(FembError, match=f"label {label}, which is too large"):
        ParquetSource(write(tmp_path / "a.parquet", columns))
