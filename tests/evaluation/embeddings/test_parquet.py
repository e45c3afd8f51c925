"""Parquet files of embeddings that other programs wrote."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.read import read_embeddings

LISTS = [[1.0, 2.0], [3.0, 4.0]]


def write(path, lists, names=("a", "b"), kind=None):
    pq.write_table(pa.table({"name": list(names), "embedding": pa.array(lists, kind)}), path)
    return path


@pytest.mark.parametrize("kind", [None, pa.list_(pa.float32()), pa.large_list(pa.float16()), pa.list_(pa.int8(), 2)])
def test_lists_of_any_numbers_are_read(tmp_path, kind):
    read = read_embeddings(write(tmp_path / "e.parquet", LISTS, kind=kind))
    np.testing.assert_array_equal(read.rows_ND, LISTS)
    assert (read.names, read.description) == (["a", "b"], None)


@pytest.mark.parametrize(
    ("lists", "names"),
    [
        ([[1.0, 2.0], [3.0]], ("a", "b")),
        ([[1.0, 2.0], None], ("a", "b")),
        ([[1.0, 2.0], [3.0, None]], ("a", "b")),
        ([1.0, 2.0], ("a", "b")),
        ([["x"], ["y"]], ("a", "b")),
        (LISTS, ("a", None)),
        (LISTS, (1, 2)),
    ],
)
def test_anything_else_is_refused(tmp_path, lists, names):
    with pytest.raises(FembError, match=r"e\.parquet"):
        read_embeddings(write(tmp_path / "e.parquet", lists, names))


def test_a_missing_column_of_names_is_named(tmp_path):
    pq.write_table(pa.table({"embedding": pa.array(LISTS)}), tmp_path / "e.parquet")
    with pytest.raises(FembError, match="has no names: its column 'name' is missing"):
        read_embeddings(tmp_path / "e.parquet")
