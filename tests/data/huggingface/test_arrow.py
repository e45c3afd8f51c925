"""The training set on disk, as femb writes it and as Hugging Face's library opens it."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from datasets_on_disk import encode, save_foreign, write

from femb_cli.data.dataset_info import read_dataset_info
from femb_cli.data.huggingface.arrow import DatasetSource
from femb_cli.data.open import open_source
from femb_cli.data.source import check_identities
from femb_cli.errors import FembError


def test_what_was_written_is_read_back(tmp_path):
    images = [encode(1), encode(2), encode(3)]
    source = open_source(write(tmp_path / "set", images, [1, 0, 1], ["a", "b"]))
    assert (source.kind, len(source)) == ("dataset", 3)
    assert [source.read(index) for index in range(3)] == images
    assert list(source.names) == ["b/0.jpg", "a/1.jpg", "b/2.jpg"]
    assert source.identities.names == ["a", "b"]
    assert source.identities.labels_N.tolist() == [1, 0, 1]


def test_a_foreign_set_is_read(tmp_path):
    rows = [{"bytes": encode(shade), "path": None} for shade in range(3)]
    source = DatasetSource(save_foreign(tmp_path / "set", {"image": rows, "label": [0, 1, 0]}, ["x", "y"]))
    assert source.read(2) == encode(2)
    assert list(source.names) == ["000000000", "000000001", "000000002"]
    assert source.identities.names == ["x", "y"]
    info = read_dataset_info(source.path)
    assert (info.num_identities, info.num_images, info.checksum) == (2, None, None)


def test_a_foreign_set_with_repeated_paths_is_named_by_rows(tmp_path):
    rows = [{"bytes": encode(1), "path": "0001.jpg"}] * 2
    source = DatasetSource(save_foreign(tmp_path / "set", {"image": rows, "label": [0, 1]}))
    assert list(source.names) == ["000000000", "000000001"]


def test_a_set_without_people_has_images_and_names_its_columns_where_people_are_needed(tmp_path):
    rows = [{"bytes": encode(1), "path": None}]
    source = DatasetSource(save_foreign(tmp_path / "set", {"image": rows, "caption": ["x"]}))
    assert source.read(0) == encode(1)
    assert source.extra(np.array([0])).to_pydict() == {"caption": ["x"]}
    with pytest.raises(FembError, match=r"no column of identities; its columns are image .*, caption"):
        check_identities(source)


def test_a_damaged_set_is_an_error_that_names_it(tmp_path):
    path = write(tmp_path / "set", [encode(1)], [0], ["a"])
    (path / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(FembError, match="cannot read the dataset"):
        DatasetSource(path)
    (path / "state.json").write_text("{")
    with pytest.raises(FembError, match=r"state\.json"):
        DatasetSource(path)


def test_offsets_that_lead_out_of_the_file_are_an_error_and_no_crash(tmp_path):
    path = write(tmp_path / "set", [encode(1), encode(2)], [0, 1], ["a", "b"])
    shard = path / "data-00000-of-00001.arrow"
    length = len(encode(1))
    offsets = np.array([0, length, length + len(encode(2))], np.int32).tobytes()
    assert shard.read_bytes().count(offsets) == 1
    shard.write_bytes(shard.read_bytes().replace(offsets, np.array([0, 2**30, -(2**30)], np.int32).tobytes()))
    with pytest.raises(FembError, match="cannot read the dataset"):
        DatasetSource(path)


def test_names_that_are_no_text_are_an_error_and_no_crash(tmp_path):
    path = write(tmp_path / "set", [encode(1)], [0], ["a"])
    shard = path / "data-00000-of-00001.arrow"
    for name in (b"a/0.jpg", b"label"):
        content = shard.read_bytes()
        shard.write_bytes(content.replace(name, b"\xff" * len(name)))
        with pytest.raises(FembError, match="cannot read the dataset"):
            DatasetSource(path)
        shard.write_bytes(content)


def test_an_inner_name_that_is_no_text_is_an_error(tmp_path):
    columns = {"image": [b"a"], "label": [0], "box": [{"of_the_face": 1}]}
    path = tmp_path / "set"
    path.mkdir()
    (path / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    (path / "dataset_info.json").write_text("{}")
    table = pa.table(columns)
    with pa.ipc.new_stream(str(path / "data.arrow"), table.schema) as stream:
        stream.write_table(table)
    shard = path / "data.arrow"
    shard.write_bytes(shard.read_bytes().replace(b"of_the_face", b"\xff" * 11))
    with pytest.raises(FembError, match="name is not valid text"):
        DatasetSource(path)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"features": 1}', '{"features": {"label": 1}}'])
def test_json_of_another_form_is_an_error(tmp_path, content):
    path = write(tmp_path / "set", [encode(1)], [0], ["a"])
    (path / "dataset_info.json").write_text(content)
    with pytest.raises(FembError, match="dataset_info|invalid Hugging Face metadata"):
        DatasetSource(path)


@pytest.mark.parametrize("names", ["1", '"ab"', "[1]"])
def test_names_of_labels_that_are_no_list_of_text_are_an_error(tmp_path, names):
    path = write(tmp_path / "set", [encode(1)], [0], ["a"])
    (path / "dataset_info.json").write_text(f'{{"features": {{"label": {{"names": {names}}}}}}}')
    with pytest.raises(FembError, match="label names"):
        DatasetSource(path)


def test_a_source_survives_pickling(tmp_path):
    source = DatasetSource(write(tmp_path / "set", [encode(1)], [0], ["a"]))
    assert len(pickle.dumps(source)) < 1000
    assert pickle.loads(pickle.dumps(source)).read(0) == encode(1)
