"""Which files belong to a dataset and its splits."""

import pytest
from parquets import NUM_IMAGES, faces, image_bytes

from femb_cli.data.huggingface.parquet import ParquetSource
from femb_cli.data.huggingface.parquet_files import is_parquet
from femb_cli.errors import FembError


def test_the_split_asked_for_is_taken(tmp_path):
    faces(tmp_path / "data" / "train-00000-of-00001.parquet", range(0, 10))
    faces(tmp_path / "data" / "validation-00000-of-00001.parquet", range(10, 14))
    assert len(ParquetSource(tmp_path, split="train")) == 10
    assert ParquetSource(tmp_path, split="validation").read(0) == image_bytes(10)
    with pytest.raises(FembError, match="several splits: train, validation") as caught:
        ParquetSource(tmp_path)
    assert "--split" in caught.value.hint
    with pytest.raises(FembError, match="no split 'test'; its splits are train, validation"):
        ParquetSource(tmp_path, split="test")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train.parquet", "test.parquet"),
        ("train/part-0.parquet", "test/part-0.parquet"),
        ("training_0.parquet", "lfw_eval_0.parquet"),
        ("default/partial-train/0000.parquet", "default/test/0000.parquet"),
        ("data/train-00000-of-00001-0123456789abcdef.parquet", "data/test-00000-of-00001-0123456789abcdef.parquet"),
    ],
)
def test_splits_are_known_by_names_and_folders(tmp_path, train, test):
    faces(tmp_path / train, range(0, 10))
    faces(tmp_path / test, range(10, 14))
    assert is_parquet(tmp_path)
    assert (len(ParquetSource(tmp_path, split="train")), len(ParquetSource(tmp_path, split="test"))) == (10, 4)


def test_the_only_split_is_taken_under_any_name(tmp_path):
    faces(tmp_path / "data" / "aligned-00000-of-00001.parquet")
    assert len(ParquetSource(tmp_path)) == len(ParquetSource(tmp_path, split="aligned")) == NUM_IMAGES


def test_several_datasets_in_one_folder_are_not_mixed(tmp_path):
    for name in ("cropped", "raw"):
        faces(tmp_path / name / "train-00000-of-00001.parquet")
    with pytest.raises(FembError, match="several datasets: cropped, raw"):
        ParquetSource(tmp_path)
    assert len(ParquetSource(tmp_path / "raw")) == NUM_IMAGES


def test_hidden_files_are_skipped(tmp_path):
    faces(tmp_path / ".cache" / "old.parquet")
    assert not is_parquet(tmp_path)
    faces(tmp_path / "new.parquet")
    assert len(ParquetSource(tmp_path)) == NUM_IMAGES


def test_an_arrow_dataset_or_other_files_are_no_parquet(tmp_path):
    assert not is_parquet(tmp_path)
    assert not is_parquet(tmp_path / "nothing.parquet")
    assert is_parquet(faces(tmp_path / "a.parquet"))
    (tmp_path / "state.json").write_text("{}")
    assert not is_parquet(tmp_path)
