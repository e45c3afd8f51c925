"""Identities are numbered by the sorted distinct values of a column."""

import numpy as np
import pyarrow as pa
import pytest

from femb_cli.data.identities import identities_from_values


def test_numbers_are_sorted_as_numbers():
    identities = identities_from_values(pa.array([10, 9, None, 10], pa.int64()))
    assert identities.names == ["9", "10"]
    assert identities.labels_N.tolist() == [1, 0, -1, 1]
    assert identities.labels_N.dtype == np.int64


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_text_is_sorted_by_code_point(kind):
    identities = identities_from_values(pa.chunked_array([["é", "b"], ["B", None, "b"]], kind))
    assert identities.names == ["B", "b", "é"]
    assert identities.labels_N.tolist() == [2, 1, 0, -1, 1]
