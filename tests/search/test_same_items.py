"""Which entry is the query itself."""

from pathlib import Path

import numpy as np

from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.search.same_items import describe_copies, describe_left_out, same_items

ROWS = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
NAMES = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/1.jpg"]


def stored(rows=ROWS, names=NAMES, path="faces.npy"):
    return StoredEmbeddings(Path(path), np.asarray(rows), list(names), None)


def test_rows_of_one_file_are_themselves(tmp_path):
    file = tmp_path / "faces.npy"
    file.touch()
    (tmp_path / "link.npy").symlink_to(file)
    assert same_items(stored(path=file), stored(path=tmp_path / "link.npy")).tolist() == [0, 1, 2, 3]


def test_a_copy_in_another_order_is_known_by_names_and_rows():
    order = [3, 1, 0, 2]
    copy = stored(ROWS[order], [NAMES[row] for row in order], "copy.npy")
    assert same_items(stored(), copy).tolist() == [2, 1, 3, 0]


def test_rounding_does_not_hide_a_copy():
    assert same_items(stored(), stored(ROWS * (1 + 1e-6), path="again.npy")).tolist() == [0, 1, 2, 3]


def test_another_image_of_the_same_name_is_another_item():
    assert same_items(stored(), stored(ROWS + 0.01, path="other.npy")).tolist() == [-1] * 4
    assert same_items(stored(), stored(ROWS, ["x", "y", "z", "w"], "other.npy")).tolist() == [-1] * 4


def test_embeddings_of_another_dimension_are_no_copies():
    assert same_items(stored(), stored(ROWS[:, :4], path="other.npy")).tolist() == [-1] * 4


def test_what_is_left_out_is_said():
    assert describe_left_out(np.array([-1, -1]), "probes") == ""
    assert describe_left_out(np.array([0, 1]), "probes").startswith("all 2 probes are in the gallery themselves")
    assert describe_left_out(np.array([0, -1]), "queries").startswith("1 of 2 queries is in the gallery itself:")
    assert describe_left_out(np.array([0]), "queries").startswith("the query is in the gallery itself:")


def test_equal_entries_of_another_name_are_said():
    assert describe_copies(np.array([0.99, -np.inf]), "probes") == ""
    assert describe_copies(np.array([1.0, 0.5]), "probes").startswith("1 of 2 probes find an entry that has the same")
