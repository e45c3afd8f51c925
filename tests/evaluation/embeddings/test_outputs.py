"""Which files `femb embed` may replace."""

import numpy as np
import pytest
from stored_embeddings import describe, save_npy

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.outputs import check_replaceable

ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)
NAMES = ["a", "b", "c"]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "e.npy"


@pytest.mark.parametrize("remaining", ["e.npy", "e.txt"])
def test_neither_of_the_two_files_is_replaced_unless_asked(out, remaining):
    save_npy(out, ROWS, NAMES)
    for path in (out, out.with_suffix(".txt")):
        if path.name != remaining:
            path.unlink()
    with pytest.raises(FembError, match=rf"{remaining} exists already"):
        check_replaceable(out, overwrite=False)


@pytest.mark.parametrize("description", [None, describe(ROWS, NAMES)])
def test_names_that_belong_to_the_embeddings_are_replaced_with_them(out, description):
    save_npy(out, ROWS, NAMES, description)
    check_replaceable(out, overwrite=True)


def test_a_text_without_embeddings_is_never_replaced(out):
    out.with_suffix(".txt").write_text("notes")
    with pytest.raises(
        FembError, match=r"e\.txt exists, and there is no .*e\.npy whose names it could hold$"
    ) as refused:
        check_replaceable(out, overwrite=True)
    assert "choose another -o" in refused.value.hint


@pytest.mark.parametrize("description", [None, describe(ROWS, NAMES)])
def test_another_text_is_never_replaced(out, description):
    save_npy(out, ROWS, NAMES, description)
    out.with_suffix(".txt").write_text("my own\nnotes\n")
    with pytest.raises(FembError, match="does not hold the names"):
        check_replaceable(out, overwrite=True)


def test_a_text_beside_a_format_that_holds_its_names_does_not_matter(tmp_path):
    (tmp_path / "e.txt").write_text("notes")
    check_replaceable(tmp_path / "e.npz", overwrite=False)


@pytest.mark.parametrize("name", ["e.npy", "e.txt"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_directory_is_never_replaced(out, name, overwrite):
    out.with_name(name).mkdir()
    with pytest.raises(FembError, match=rf"{name} is a directory"):
        check_replaceable(out, overwrite=overwrite)
