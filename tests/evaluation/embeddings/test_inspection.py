"""What is found in a file of embeddings."""

import numpy as np
import pytest
from stored_embeddings import describe, save_npy

from femb_cli.evaluation.embeddings.formats import FORMATS
from femb_cli.evaluation.embeddings.inspection import inspect_embeddings

ROWS = np.array([[3.0, 4.0], [0.0, 0.0], [np.nan, 1.0], [6.0, 8.0], [np.inf, 0.0]], dtype=np.float32)
NAMES = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/1.jpg", "c/1.jpg"]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_is_inspected(tmp_path, ending):
    path, description = tmp_path / f"faces{ending}", describe(ROWS, NAMES, flip="sum")
    if ending == ".npy":
        save_npy(path, ROWS, NAMES, description)
    else:
        FORMATS[ending].write(path, ROWS, NAMES, description, {})
    found = inspect_embeddings(path)
    facts, numbers = found.describe(), found.to_json()
    assert facts["rows"] == "5 embeddings of 2 numbers, float32"
    assert facts["magnitude"] == "5 to 10, mean 7.5"
    assert facts["not usable"] == (
        "2 of 5 rows hold NaN or infinity: row 2 (b/1.jpg), row 4 (c/1.jpg)\n1 of 5 rows are all zeros: row 1 (a/2.jpg)"
    )
    assert facts["names"] == "in 3 folders; 1 names are there more than once, such as 'b/1.jpg'"
    assert (numbers["rows_not_finite"], numbers["rows_of_zeros"]) == ([2, 4], [1])
    assert numbers["magnitude"] == {"min": 5.0, "mean": 7.5, "max": 10.0}
    if FORMATS[ending].holds_description:
        assert facts["model"] == "network (weights 0a), femb 1.0, exact"
        assert facts["mirror images"] == "their embeddings are added"
    else:
        assert facts["model"] == "not known: the file does not say"


def test_normalised_rows_and_missing_names_are_said(tmp_path):
    np.save(tmp_path / "faces.npy", np.eye(4)[[0, 2]])
    facts = inspect_embeddings(tmp_path / "faces.npy").describe()
    assert facts["rows"] == "2 embeddings of 4 numbers, float64"
    assert facts["magnitude"] == "1: the embeddings are normalised"
    assert facts["not usable"] == ""
    assert facts["names"] == f"none: {tmp_path / 'faces.txt'} is missing"


def test_an_empty_file_has_no_magnitudes(tmp_path):
    np.save(tmp_path / "faces.npy", np.empty((0, 4), dtype=np.float32))
    found = inspect_embeddings(tmp_path / "faces.npy")
    assert found.describe()["magnitude"] == "none"
    assert found.to_json()["magnitude"] is None
