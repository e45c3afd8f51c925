"""Shards are written one after the other, and read back as they were written."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from femb_cli.data.conversion.rows import features_of, rows_of, schema_of
from femb_cli.data.conversion.shards import (
    PARQUET_ROW_GROUP,
    ShardWriter,
    find_shard,
    read_shard,
    relabel,
    shard_path,
)
from femb_cli.data.images.encoded import EncodedImages

FORMATS = ("arrow", "parquet")
SCHEMA = schema_of(None, features_of(["a", "b"], None))


def rows(start: int, count: int = 3) -> pa.RecordBatch:
    images = [f"image {row}".encode() for row in range(start, start + count)]
    names = [f"{row}.jpg" for row in range(start, start + count)]
    return rows_of(EncodedImages.join(images), np.arange(start, start + count) % 2, names, None, SCHEMA)


def read_all(*paths) -> list[dict]:
    return [row for path in paths for batch in read_shard(path) for row in batch.to_pylist()]


@pytest.mark.parametrize("format", FORMATS)
def test_rows_are_read_back_from_numbered_files(tmp_path, format):
    with ShardWriter(tmp_path, format) as shards:
        for start in (0, 3, 6):
            shards.write(rows(start), 24)
            assert (shards.count, shards.open_bytes) == (1 + start // 6, 48 if start == 3 else 24)
            if start == 3:
                shards.close(durably=True)
        shards.close()
    paths = [shard_path(tmp_path, format, number) for number in range(2)]
    assert [len(read_all(path)) for path in paths] == [6, 3]
    assert read_all(*paths) == pa.Table.from_batches([rows(0), rows(3), rows(6)]).to_pylist()


@pytest.mark.parametrize("format", FORMATS)
def test_numbering_goes_on_after_existing_files(tmp_path, format):
    with ShardWriter(tmp_path, format, start=4) as shards:
        shards.write(rows(0), 24)
        shards.close()
    assert find_shard(tmp_path, format, 4).is_file()


@pytest.mark.parametrize(
    ("format", "names"),
    [
        ("arrow", ("data-00002.arrow", "data-00002-of-00007.arrow")),
        ("parquet", ("data/train-00002.parquet", "data/train-00002-of-00007.parquet")),
    ],
)
def test_a_shard_is_found_under_both_of_its_names(tmp_path, format, names):
    paths = shard_path(tmp_path, format, 2), shard_path(tmp_path, format, 2, 7)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == list(names)
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        assert find_shard(tmp_path, format, 2) == path
        path.unlink()


def test_parquet_has_small_row_groups(tmp_path):
    with ShardWriter(tmp_path, "parquet") as shards:
        shards.write(rows(0, 2 * PARQUET_ROW_GROUP + 1), 1)
        shards.close()
    footer = pq.read_metadata(shard_path(tmp_path, "parquet", 0))
    assert [footer.row_group(group).num_rows for group in range(3)] == [PARQUET_ROW_GROUP, PARQUET_ROW_GROUP, 1]


@pytest.mark.parametrize("format", FORMATS)
def test_a_shard_is_copied_with_other_labels(tmp_path, format):
    with ShardWriter(tmp_path, format) as shards:
        shards.write(rows(0), 24)
        shards.close()
    (tmp_path / "final").mkdir()
    with ShardWriter(tmp_path / "final", format) as relabelled:
        relabel(find_shard(tmp_path, format, 0), relabelled, np.array([8, 9]), SCHEMA)
    expected = [{**row, "label": 8 + row["label"]} for row in rows(0).to_pylist()]
    assert read_all(find_shard(tmp_path / "final", format, 0)) == expected
