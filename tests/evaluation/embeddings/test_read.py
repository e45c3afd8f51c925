"""Files of embeddings, written and read in every format."""

from pathlib import Path

import numpy as np
import pytest
from stored_embeddings import describe, save_npy

from femb_cli.errors import FembError, UsageError
from femb_cli.evaluation.embeddings.formats import FORMATS, format_to_write, names_path
from femb_cli.evaluation.embeddings.read import read_contents, read_embeddings, read_rows

ROWS = np.array([[0.1, -0.0], [np.inf, np.nan], [1e-45, 3.4e38]], dtype=np.float32)
NAMES = ["a/1.jpg", 'ä, "b".png', "NA"]
DESCRIBED = describe(ROWS, NAMES)


COLUMNS = {"magnitude": np.arange(4, dtype=np.float32), "image": np.array(["a", "b", "", "d"])}


def write(path: Path, rows=ROWS, names=NAMES) -> Path:
    if (write_format := FORMATS[path.suffix].write) is None:
        save_npy(path, rows, names, describe(rows, names))
    else:
        write_format(
            path, rows, names, describe(rows, names), {name: column[: len(rows)] for name, column in COLUMNS.items()}
        )
    return path


@pytest.fixture(params=FORMATS)
def written(request, tmp_path) -> Path:
    return write(tmp_path / f"faces{request.param}")


@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_what_is_written_is_read_to_the_last_bit(written, mmap_mode):
    read = read_embeddings(written, mmap_mode=mmap_mode)
    np.testing.assert_array_equal(read.rows_ND.view(np.uint32), ROWS.view(np.uint32))
    assert read.names == NAMES
    assert read.description == (DESCRIBED if FORMATS[written.suffix].holds_description else None)
    expected = {written.name, names_path(written).name}
    assert {path.name for path in written.parent.iterdir()} == expected


@pytest.mark.parametrize("ending", FORMATS)
def test_characters_that_look_like_line_ends_are_part_of_a_name(tmp_path, ending):
    names = ["a\u2028b", "c\x85d", "e\x0cf\x0b", "g\rh\r"]
    path = write(tmp_path / f"e{ending}", np.eye(4, dtype=np.float32), names)
    assert read_embeddings(path).names == names


def test_a_file_that_is_cut_short_is_refused_wherever_it_is_cut(written):
    whole = written.read_bytes()
    for kept in {0, 1, 7, 60, len(whole) // 2, *range(len(whole) - 40, len(whole))}:
        if written.suffix == ".csv" and whole[:kept].count(b"\n") > 1 and whole[:kept].endswith(b"\n"):
            continue  # a table of fewer rows
        written.write_bytes(whole[:kept])
        with pytest.raises(FembError, match=rf"cannot read .*{written.name}: [^\n]+$"):
            read_embeddings(written)


def test_a_file_of_another_kind_is_refused(written):
    for content in (
        b"no embeddings\n",
        b"\x93NUMPY",
        b"PK\x05\x06" + bytes(18),
        b"PAR1",
        b"name\n",
        b"name,0\na,b\n",
        b"name,1,0\na,1,2\n",
    ):
        written.write_bytes(content)
        with pytest.raises(FembError, match=rf"cannot read .*{written.name}: [^\n]+$"):
            read_embeddings(written)


def test_a_missing_file_is_one_clear_error(written):
    written.unlink()
    with pytest.raises(FembError, match=rf"{written.name} does not exist"):
        read_embeddings(written)


@pytest.mark.parametrize("path", ["e.txt", "e", "e.pt", "e.npy.gz"])
def test_an_ending_that_names_no_format_is_refused_with_those_that_do(path):
    with pytest.raises(UsageError, match="cannot write embeddings") as refused:
        format_to_write(Path(path))
    assert all(ending in refused.value.hint for ending in FORMATS)


def test_the_ending_may_be_in_capitals(tmp_path):
    assert format_to_write(Path("E.NPZ")) is FORMATS[".npz"]
    write(tmp_path / "e.npz").rename(tmp_path / "E.NPZ")
    assert read_embeddings(tmp_path / "E.NPZ").names == NAMES


def test_names_that_do_not_fit_the_rows_are_refused(tmp_path):
    save_npy(tmp_path / "e.npy", ROWS, NAMES[:2])
    with pytest.raises(FembError, match=r"e\.txt has 2 names"):
        read_embeddings(tmp_path / "e.npy")


def test_embeddings_without_names_are_read_only_where_none_are_needed(tmp_path):
    np.save(tmp_path / "e.npy", ROWS)
    np.savez(tmp_path / "e.npz", embeddings=ROWS)
    for name, missing in (("e.npy", r"e\.txt is missing"), ("e.npz", "its array 'names' is missing")):
        np.testing.assert_array_equal(read_rows(tmp_path / name), ROWS)
        assert read_contents(tmp_path / name).names is None
        with pytest.raises(FembError, match=missing):
            read_embeddings(tmp_path / name)


@pytest.mark.parametrize(
    "array", [np.ones(3), np.ones((2, 2), dtype=complex), np.array([["a"]]), np.array([{"a": 1}], dtype=object)]
)
@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_an_array_that_is_no_table_of_numbers_is_refused(tmp_path, array, ending):
    save = {".npy": np.save, ".npz": lambda path, rows: np.savez(path, embeddings=rows)}[ending]
    save(tmp_path / f"other{ending}", array)
    with pytest.raises(FembError, match=rf"other\{ending}"):
        read_rows(tmp_path / f"other{ending}")


@pytest.mark.parametrize("ending", [".npz", ".parquet", ".safetensors", ".csv"])
def test_an_array_under_the_name_of_another_format_is_recognised(tmp_path, ending):
    np.save((tmp_path / f"e{ending}").open("wb"), ROWS)
    with pytest.raises(FembError, match="cannot read") as refused:
        read_rows(tmp_path / f"e{ending}")
    assert "rename it to .npy" in refused.value.hint
