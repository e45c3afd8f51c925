"""`.npy` files: the mark that ties them to their names, and files of other programs."""

import io
from contextlib import suppress

import numpy as np
import pytest
from stored_embeddings import describe, save_npy

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.read import read_embeddings, read_rows

ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)
NAMES = ["a", "b", "c"]


@pytest.fixture
def marked(tmp_path):
    save_npy(tmp_path / "e.npy", ROWS, NAMES, describe(ROWS, NAMES))
    return tmp_path / "e.npy"


def test_numpy_reads_the_embeddings_and_ignores_the_description(marked):
    for mmap_mode in (None, "r"):
        np.testing.assert_array_equal(np.load(marked, mmap_mode=mmap_mode), ROWS)


@pytest.mark.parametrize("text", ["b\na\nc\n", "a\nb\nx\n", "a\nb\nc", ""])
def test_the_names_of_another_call_are_refused(marked, text):
    marked.with_suffix(".txt").write_text(text)
    with pytest.raises(FembError, match=r"e\.txt does not belong to .*e\.npy") as refused:
        read_embeddings(marked)
    assert "np.save" in refused.value.hint


def test_writing_the_rows_anew_removes_the_mark(marked):
    marked.with_suffix(".txt").write_text("x\ny\nz\n")
    np.save(marked, np.load(marked))
    assert read_embeddings(marked).names == ["x", "y", "z"]


def test_names_that_an_editor_has_saved_are_read(tmp_path):
    np.save(tmp_path / "e.npy", ROWS)
    (tmp_path / "e.txt").write_bytes("\ufeffa\r\nb\u2028\r\nc".encode())
    assert read_embeddings(tmp_path / "e.npy").names == ["a", "b\u2028", "c"]


@pytest.mark.parametrize("further", [np.arange(3, dtype=np.uint8), np.ones((2, 2)), np.zeros(0, np.uint8)])
def test_further_arrays_of_another_program_are_ignored(tmp_path, further):
    with (tmp_path / "e.npy").open("wb") as file:
        np.save(file, ROWS)
        np.save(file, further)
    (tmp_path / "e.txt").write_text("a\nb\nc\n")
    assert read_embeddings(tmp_path / "e.npy").description is None


def test_other_bytes_behind_the_rows_are_ignored(tmp_path):
    np.save(tmp_path / "e.npy", ROWS)
    (tmp_path / "e.npy").write_bytes((tmp_path / "e.npy").read_bytes() + b"anything")
    np.testing.assert_array_equal(read_rows(tmp_path / "e.npy"), ROWS)


@pytest.mark.parametrize(("old", "new"), [(b'"flip"', b'"flop"'), (b'"0a"', b"1234"), (b"none", b'"one')])
def test_a_damaged_description_is_refused(marked, old, new):
    marked.write_bytes(marked.read_bytes().replace(old, new))
    with pytest.raises(FembError, match=r"cannot read .*e\.npy: "):
        read_embeddings(marked)


def test_a_header_that_is_no_header_is_refused(marked):
    whole = marked.read_bytes()
    for place in range(6, 128):
        for byte in b"({'\x00\xff":
            marked.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            with suppress(FembError):
                read_embeddings(marked)


def test_a_header_that_claims_petabytes_is_refused_at_once(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (1 << 41, 512)})
    (tmp_path / "e.npy").write_bytes(buffer.getvalue() + bytes(100))
    with pytest.raises(FembError, match=r"cannot read .*e\.npy: "):
        read_rows(tmp_path / "e.npy")


@pytest.mark.filterwarnings("error")
def test_a_header_that_claims_more_than_can_be_counted_is_one_clear_error(tmp_path):
    with (tmp_path / "e.npy").open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**18, 512)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(FembError, match=r"cannot read .*e\.npy: it is cut short"):
        read_rows(tmp_path / "e.npy")
