"""The columns of images and labels, found by their types and names."""

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parquets import image_bytes, images, write

from femb_cli.data.conversion.plan import plan_conversion
from femb_cli.data.dataset_info import DatasetInfo, write_dataset_info
from femb_cli.data.huggingface.parquet import ParquetSource
from femb_cli.data.read_as import ReadAs
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


@pytest.mark.parametrize("kind", [pa.uint8(), pa.int16(), pa.uint64(), pa.float32(), pa.float64()])
def test_labels_of_any_type_of_numbers_are_read(tmp_path, kind):
    labels = pa.array([0, None, 2], kind)
    source = ParquetSource(write(tmp_path / "a.parquet", {"image": images(range(3)), "label": labels}))
    assert source.identities.labels_N.tolist() == [0, -1, 1]
    assert source.identities.names == ["0", "2"]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_labels_of_any_type_of_text_are_read(tmp_path, kind):
    labels = pa.array(["eve", None, "adam"], pa.string()).cast(kind)
    source = ParquetSource(write(tmp_path / "a.parquet", {"image": images(range(3)), "label": labels}))
    assert source.identities.labels_N.tolist() == [1, -1, 0]
    assert source.identities.names == ["adam", "eve"]


def test_negative_labels_and_those_that_are_no_number_mean_that_nobody_is_known(tmp_path):
    labels = pa.array([-1.0, float("nan"), 3.0, 3.0])
    source = ParquetSource(write(tmp_path / "a.parquet", {"image": images(range(4)), "label": labels}))
    assert source.identities.labels_N.tolist() == [-1, -1, 0, 0]


def test_a_column_of_fractions_is_a_measure_and_no_label(tmp_path):
    path = write(tmp_path / "a.parquet", {"image": images(range(2)), "target": [0.5, 1.0]})
    with pytest.raises(FembError, match="'target' has numbers that are not whole") as caught:
        plan_conversion(ParquetSource(path))
    assert "--label" in caught.value.hint


def test_the_user_names_the_columns(tmp_path):
    columns = {"left": images(range(4)), "right": images(range(4, 8)), "who": list("aabb"), "label": [0, 1, 2, 3]}
    path = write(tmp_path / "a.parquet", columns)
    source = ParquetSource(path, read_as=ReadAs(label="who", image_column="right"))
    assert (source.read(0), source.identities.names) == (image_bytes(4), ["a", "b"])
    assert source.extra(np.array([0])).column_names == ["left", "label"]
    assert pickle.loads(pickle.dumps(source)).identities.names == ["a", "b"]
    for named, message in (
        (ReadAs(label="nobody", image_column="left"), "no column 'nobody'; its columns are left"),
        (ReadAs(label="right", image_column="left"), "'right' of .* which names nobody"),
        (ReadAs(image_column="who"), "'who' of .* no encoded images"),
    ):
        with pytest.raises(FembError, match=message):
            ParquetSource(path, read_as=named)


def test_a_dataset_that_femb_wrote_keeps_its_labels_whatever_the_other_columns_are_called(tmp_path):
    write(
        tmp_path / "data" / "train-00000-of-00001.parquet",
        {"image": images(range(4)), "name": list("aabb"), "label": [0, 1, 2, 2]},
    )
    assert ParquetSource(tmp_path).identities.names == ["a", "b"]
    write_dataset_info(tmp_path, DatasetInfo())
    assert ParquetSource(tmp_path).identities.names == ["0", "1", "2"]


def test_several_columns_of_images_are_listed_unless_one_is_called_image(tmp_path):
    columns = {"left": images(range(3)), "right": images(range(3)), "label": [0, 1, 2]}
    with pytest.raises(FembError, match=r"2 columns of images; its columns are left \(struct<.*>\), right") as caught:
        ParquetSource(write(tmp_path / "a.parquet", columns))
    assert "--image-column left" in caught.value.hint
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


@pytest.mark.parametrize("label", [10**12, 2**23, 2**64 - 1])
def test_huge_labels_are_numbers_of_people_like_others(tmp_path, label):
    labels = pa.array([5, label, label], pa.uint64())
    source = ParquetSource(write(tmp_path / "a.parquet", {"image": images(range(3)), "id": labels}))
    assert source.identities.names == ["5", str(label)]
    assert source.identities.labels_N.tolist() == [0, 1, 1]


@pytest.mark.parametrize("doubled", ["image", "label", "age"])
def test_two_columns_of_one_name_are_refused(tmp_path, doubled):
    values = {"image": [image_bytes(0)], "label": [1], "age": [30]}
    table = pa.table([*values.values(), values[doubled]], names=[*values, doubled])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(FembError, match=f"several columns called '{doubled}'"):
        ParquetSource(tmp_path / "a.parquet")
