"""A training set is written whole or not at all, in the layout that Hugging Face's library opens."""

import pytest
from datasets_on_disk import encode, write

from femb_cli.data.conversion import dataset_writer
from femb_cli.data.conversion.dataset_writer import DatasetWriter
from femb_cli.data.dataset_info import read_dataset_info
from femb_cli.data.huggingface.arrow import DatasetSource
from femb_cli.errors import FembError


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


def test_images_of_mixed_sizes_have_no_common_size(tmp_path):
    images = [encode(1), encode(2, (9, 9), "PNG")]
    assert read_dataset_info(write(tmp_path / "set", images, [0, 0], ["a"])).image_size is None


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


def test_another_directory_is_never_overwritten(tmp_path):
    (tmp_path / "precious.txt").write_text("thesis")
    with pytest.raises(FembError, match="is not a dataset"):
        write(tmp_path, [encode(1)], [0], ["a"], overwrite=True)
    assert (tmp_path / "precious.txt").read_text() == "thesis"
