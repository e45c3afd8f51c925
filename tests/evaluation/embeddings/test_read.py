"""Files of embeddings, written and read."""

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings_file import (
    names_path,
    read_embeddings,
    read_rows,
    refuse_existing_embeddings,
    write_names,
    write_rows,
)

ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)
NAMES = ["a/1.jpg", "ä b.png", "c"]


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "faces.npy"
    write_rows(path, ROWS)
    write_names(path, NAMES)
    return path


@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_what_is_written_is_read(written, mmap_mode):
    rows, names = read_embeddings(written, mmap_mode=mmap_mode)
    np.testing.assert_array_equal(rows, ROWS)
    assert rows.dtype == np.float32
    assert names == NAMES
    assert sorted(path.name for path in written.parent.iterdir()) == ["faces.npy", "faces.txt"]


def test_names_that_do_not_fit_the_rows_are_refused(written):
    write_names(written, NAMES[:2])
    with pytest.raises(FembError, match=r"faces\.txt has 2 names"):
        read_embeddings(written)


def test_embeddings_without_names_are_refused(written):
    names_path(written).unlink()
    with pytest.raises(FembError, match=r"cannot read .*faces\.txt"):
        read_embeddings(written)


@pytest.mark.parametrize(
    "array", [np.ones(3), np.ones((2, 2), dtype=complex), np.array([["a"]]), np.array([{"a": 1}], dtype=object)]
)
def test_an_array_that_is_no_table_of_numbers_is_refused(tmp_path, array):
    np.save(tmp_path / "other.npy", array)
    with pytest.raises(FembError, match=r"other\.npy"):
        read_rows(tmp_path / "other.npy")


def test_a_cut_off_file_is_refused(written):
    written.write_bytes(written.read_bytes()[:-4])
    with pytest.raises(FembError, match="cannot read"):
        read_rows(written)


@pytest.mark.parametrize("remaining", ["faces.npy", "faces.txt"])
def test_neither_of_the_two_files_is_replaced_unless_asked(written, remaining):
    for path in (written, names_path(written)):
        if path.name != remaining:
            path.unlink()
    with pytest.raises(FembError, match=rf"{remaining} exists already"):
        refuse_existing_embeddings(written, overwrite=False)
    refuse_existing_embeddings(written, overwrite=True)
