"""Tables of pairs become benchmarks."""

from pathlib import Path

import pytest
from parquets import image_bytes, images, write

from femb_cli.data.conversion.pair_table import find_pair_columns, find_pair_tables, read_pair_table
from femb_cli.data.read_as import ReadAs
from femb_cli.errors import FembError


def sides(left: str, right: str, *, flag: str = "label") -> dict[str, list]:
    return {flag: [1, 0, 1], left: images(range(3)), right: images(range(3, 6))}


@pytest.mark.parametrize(
    "names",
    [("image1", "image2"), ("img_a", "img_b"), ("left", "right"), ("probe_ref", "probe_probe"), ("face 0", "face 1")],
)
@pytest.mark.parametrize("flag", ["label", "is_same", "target"])
def test_two_columns_that_differ_in_their_side_and_a_flag_are_pairs(tmp_path, names, flag):
    found = find_pair_columns(write(tmp_path / "a.parquet", sides(*names, flag=flag)), None)
    assert (found.left, found.right, found.flag) == (*names, flag)


@pytest.mark.parametrize("names", [("image", "mask"), ("image", "image1"), ("first", "image2")])
def test_other_columns_of_images_are_no_pairs(tmp_path, names):
    assert find_pair_columns(write(tmp_path / "a.parquet", sides(*names)), None) is None


def test_a_table_without_flags_or_with_a_chosen_column_of_images_is_no_table_of_pairs(tmp_path):
    path = write(tmp_path / "a.parquet", sides("image1", "image2", flag="age"))
    assert find_pair_columns(path, None) is None
    assert find_pair_columns(path, None, ReadAs(label="age")).flag == "age"
    assert find_pair_columns(path, None, ReadAs(label="age", image_column="image1")) is None


@pytest.mark.parametrize(
    "flags",
    [
        [1, 0, 1],
        [1.0, -1.0, 1.0],
        [True, False, True],
        ["same", "different", "same"],
        ["Genuine", "Impostor", "genuine"],
    ],
)
def test_images_and_flags_are_read_in_the_order_of_pairs(tmp_path, flags):
    table = sides("image1", "image2") | {"label": flags}
    pairs = read_pair_table(find_pair_tables(write(tmp_path / "a.parquet", table, group=2), None)[""])
    assert list(pairs.images) == [image_bytes(row) for row in (0, 3, 1, 4, 2, 5)]
    assert pairs.genuine_N.tolist() == [True, False, True]


def test_a_flag_that_says_nothing_is_named(tmp_path):
    path = write(tmp_path / "a.parquet", sides("image1", "image2") | {"label": [1, 0, 7]})
    with pytest.raises(FembError, match="has 7 in its column label") as caught:
        read_pair_table(find_pair_tables(path, None)[""])
    assert "--label COLUMN" in caught.value.hint


def test_images_may_be_paths_from_the_folder_of_the_table_or_another(tmp_path):
    for row in range(4):
        (tmp_path / "faces").mkdir(exist_ok=True)
        (tmp_path / "faces" / f"{row}.jpg").write_bytes(image_bytes(row))
    table = {"path1": ["0.jpg", "1.jpg"], "path2": ["2.jpg", "3.jpg"], "same": [1, 0]}
    for path, root in ((tmp_path / "a.parquet", None), (tmp_path / "lists/a.parquet", tmp_path / "faces")):
        pairs = read_pair_table(find_pair_tables(write(path, table), None)[""], root)
        assert list(pairs.images) == [image_bytes(row) for row in (0, 2, 1, 3)]


def test_each_split_is_a_benchmark(tmp_path):
    for split in ("lfw", "agedb_30"):
        write(tmp_path / "data" / f"{split}-00000-of-00001.parquet", sides("image1", "image2"))
    assert list(find_pair_tables(tmp_path, None)) == ["agedb_30", "lfw"]
    assert list(find_pair_tables(tmp_path, "lfw")) == [""]
    write(tmp_path / "data" / "train-00000-of-00001.parquet", {"image": images(range(2)), "label": [0, 1]})
    assert find_pair_tables(tmp_path, None) == {}


def test_a_dataset_directory_of_pairs_is_read(tmp_path):
    from datasets import Dataset, DatasetDict

    DatasetDict({"lfw": Dataset.from_dict(sides("image1", "image2"))}).save_to_disk(tmp_path / "set")
    tables = find_pair_tables(tmp_path / "set", None)
    assert list(tables) == ["lfw"]
    assert [image_bytes(0), image_bytes(3)] == list(read_pair_table(tables["lfw"]).images[:2])


def test_what_is_no_table_is_no_table_of_pairs(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 damaged")
    for path in (tmp_path, tmp_path / "none", Path(__file__), tmp_path / "a.parquet"):
        assert find_pair_tables(path, None) == {}
