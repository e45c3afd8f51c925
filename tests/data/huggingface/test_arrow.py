"""The training set on disk, as femb writes it and as Hugging Face's library opens it."""

import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from PIL import Image

from femb_cli.data.conversion import dataset_writer
from femb_cli.data.conversion.dataset_writer import DatasetWriter
from femb_cli.data.huggingface.arrow import DatasetSource
from femb_cli.data.huggingface.dataset_info import read_dataset_info
from femb_cli.data.identities import Identities
from femb_cli.data.open import open_source
from femb_cli.data.source import check_identities
from femb_cli.errors import FembError


def encode(shade: int, size: tuple[int, int] = (8, 6), form: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, 0, 0)).save(buffer, form)
    return buffer.getvalue()


def write(path: Path, images: list[bytes], labels: list[int], names: list[str], **options: object) -> Path:
    with DatasetWriter(path, names, **options) as writer:
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            writer.write(image, label, f"{names[label]}/{row}.jpg")
    return path


def save_foreign(path: Path, columns: dict, label_names: list[str] | None = None) -> Path:
    from datasets import ClassLabel, Dataset, Features, Value
    from datasets import Image as ImageFeature

    kinds = {"image": ImageFeature(), "label": ClassLabel(names=label_names) if label_names else Value("int32")}
    features = Features({name: kinds.get(name, Value("string")) for name in columns})
    Dataset.from_dict(columns, features=features).save_to_disk(path)
    return path


def test_what_was_written_is_read_back(tmp_path):
    images = [encode(1), encode(2), encode(3)]
    source = open_source(write(tmp_path / "set", images, [1, 0, 1], ["a", "b"]))
    assert (source.kind, len(source)) == ("dataset", 3)
    assert [source.read(index) for index in range(3)] == images
    assert list(source.names) == ["b/0.jpg", "a/1.jpg", "b/2.jpg"]
    assert source.identities.names == ["a", "b"]
    assert source.identities.labels_N.tolist() == [1, 0, 1]


def test_hugging_face_opens_it(tmp_path):
    from datasets import ClassLabel, load_from_disk
    from datasets import Image as ImageFeature

    opened = load_from_disk(str(write(tmp_path / "set", [encode(1), encode(2)], [0, 1], ["ä", "b"])))
    assert opened.features == {"image": ImageFeature(), "label": ClassLabel(names=["ä", "b"])}
    assert opened[0]["image"].size == (8, 6)
    assert opened[1]["label"] == 1


def test_many_batches_and_shards_read_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_writer, "BATCH_ROWS", 2)
    images = [encode(shade) for shade in range(11)]
    path = write(tmp_path / "set", images, [0] * 11, ["a"], shard_bytes=2000)
    shards = sorted(file.name for file in path.glob("*.arrow"))
    assert len(shards) > 1
    assert shards[0] == f"data-00000-of-{len(shards):05d}.arrow"
    source = DatasetSource(path)
    assert [source.read(index) for index in range(11)] == images


def test_dataset_info_states_what_was_written(tmp_path):
    images = [encode(1), encode(2)]
    info = read_dataset_info(write(tmp_path / "set", images, [0, 1], ["a", "b"], source="faces.zip", source_kind="zip"))
    assert (info.num_images, info.num_identities, info.image_size) == (2, 2, (8, 6))
    assert (info.bytes, info.source, info.source_kind) == (len(b"".join(images)), "faces.zip", "zip")
    assert info.checksum == xxhash.xxh3_128_hexdigest(b"".join(images))


def test_images_of_mixed_sizes_have_no_common_size(tmp_path):
    images = [encode(1), encode(2, (9, 9), "PNG")]
    assert read_dataset_info(write(tmp_path / "set", images, [0, 0], ["a"])).image_size is None


def test_reading_facts_imports_nothing_heavy(tmp_path):
    path = write(tmp_path / "set", [encode(1)], [0], ["a"])
    code = (
        "import sys; from femb_cli.data.huggingface.arrow import read_dataset_info; read_dataset_info(sys.argv[1]);"
        "print({'torch', 'pyarrow', 'datasets', 'PIL'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_an_identity_without_images_is_left_out_and_labels_stay_dense(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_writer, "BATCH_ROWS", 2)
    images = [encode(shade) for shade in range(5)]
    source = DatasetSource(write(tmp_path / "set", images, [3, 1, 3, 1, 3], ["a", "b", "c", "d"]))
    assert source.identities.names == ["b", "d"]
    assert source.identities.labels_N.tolist() == [1, 0, 1, 0, 1]
    assert [source.read(index) for index in range(5)] == images
    assert read_dataset_info(source.path).num_identities == 2


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interruption_leaves_nothing_behind(tmp_path, error):
    with pytest.raises(error), DatasetWriter(tmp_path / "set", ["a"]) as writer:
        writer.write(encode(1), 0)
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_set_without_images_is_refused_and_leaves_nothing_behind(tmp_path):
    with pytest.raises(FembError, match="no image"), DatasetWriter(tmp_path / "set", ["a"]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_existing_set_is_kept_unless_it_is_to_be_overwritten(tmp_path):
    path = write(tmp_path / "set", [encode(1)], [0], ["a"])
    with pytest.raises(FembError) as caught:
        write(path, [encode(2)], [0], ["a"])
    assert "--overwrite" in caught.value.hint
    with pytest.raises(RuntimeError), DatasetWriter(path, ["a"], overwrite=True):
        raise RuntimeError
    assert DatasetSource(path).read(0) == encode(1)
    write(path, [encode(2)], [0], ["a"], overwrite=True)
    assert DatasetSource(path).read(0) == encode(2)


def test_what_is_no_data_set_is_never_overwritten(tmp_path):
    (tmp_path / "precious.txt").write_text("thesis")
    with pytest.raises(FembError, match="no dataset"):
        write(tmp_path, [encode(1)], [0], ["a"], overwrite=True)
    assert (tmp_path / "precious.txt").read_text() == "thesis"


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


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path):
    rows = [{"bytes": encode(1), "path": None}]
    with pytest.raises(FembError, match=r"no column that says who .* its columns are image .*, caption"):
        DatasetSource(save_foreign(tmp_path / "set", {"image": rows, "caption": ["x"]}))


def test_a_dictionary_of_sets_asks_which(tmp_path):
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    with pytest.raises(FembError, match="train, test"):
        open_source(tmp_path)


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
    with pytest.raises(FembError, match="name is no text"):
        DatasetSource(path)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"features": 1}', '{"features": {"label": 1}}'])
def test_json_of_another_form_is_an_error(tmp_path, content):
    path = write(tmp_path / "set", [encode(1)], [0], ["a"])
    (path / "dataset_info.json").write_text(content)
    with pytest.raises(FembError, match="dataset_info|make no sense"):
        DatasetSource(path)


@pytest.mark.parametrize("names", ["1", '"ab"', "[1]"])
def test_names_of_labels_that_are_no_list_of_text_are_an_error(tmp_path, names):
    path = write(tmp_path / "set", [encode(1)], [0], ["a"])
    (path / "dataset_info.json").write_text(f'{{"features": {{"label": {{"names": {names}}}}}}}')
    with pytest.raises(FembError, match="names of labels"):
        DatasetSource(path)


@pytest.mark.parametrize("stated", [{"image_size": 5}, {"image_size": [112]}, {"num_images": "many"}, {"source": 1}])
def test_facts_of_another_form_are_an_error(tmp_path, stated):
    path = write(tmp_path / "set", [encode(1)], [0], ["a"])
    (path / "femb.json").write_text(json.dumps(stated))
    with pytest.raises(FembError, match=next(iter(stated))):
        read_dataset_info(path)


@pytest.mark.parametrize("splits", ["1", "[1, 2]", "null"])
def test_a_dictionary_of_sets_may_be_damaged(tmp_path, splits):
    (tmp_path / "dataset_dict.json").write_text(f'{{"splits": {splits}}}')
    with pytest.raises(FembError, match="several datasets"):
        DatasetSource(tmp_path)


def test_a_source_survives_pickling(tmp_path):
    source = DatasetSource(write(tmp_path / "set", [encode(1)], [0], ["a"]))
    assert len(pickle.dumps(source)) < 1000
    assert pickle.loads(pickle.dumps(source)).read(0) == encode(1)


def test_a_gap_in_the_labels_is_named(tmp_path):
    rows = [{"bytes": encode(1), "path": None}] * 3
    with pytest.raises(FembError, match="the first is 2"):
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
