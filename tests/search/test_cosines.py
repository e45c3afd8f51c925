"""Fast cosines are never wrong by more than the stated error, and exact ones are those of float64."""

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.search.cosines import check_rows, exact_cosines, fast_cosines, fast_rows, largest_error


@pytest.mark.parametrize("scale", [1.0, 1e-18, 1e18, 1e-30])
@pytest.mark.parametrize("dimension", [2, 128, 512])
def test_fast_cosines_are_within_the_stated_error(scale, dimension):
    generator = np.random.default_rng(0)
    rows = (generator.normal(size=(60, dimension)) * scale).astype(np.float32)
    rows[1] = rows[0] * np.float32(0.5)
    fast = fast_rows(rows)
    units = rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    found = fast_cosines(fast.units_ND, fast)
    assert found.dtype == np.float32
    assert np.abs(found - units @ units.T).max() <= largest_error(dimension)


def test_ordinary_rows_are_not_copied():
    rows = np.ones((3, 4), dtype=np.float32)
    assert np.shares_memory(fast_rows(rows).rows_ND, rows)


def test_equal_rows_have_equal_exact_cosines_wherever_they_are():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(500, 512)).astype(np.float32)
    rows[[3, 77, 499]] = rows[250]
    cosines = exact_cosines(rows[:1], rows, np.zeros(500, dtype=np.int64), np.arange(500))
    assert len(set(cosines[[3, 77, 250, 499]].tolist())) == 1


@pytest.mark.parametrize(("value", "kind"), [(0.0, "zero"), (np.nan, "not finite"), (np.inf, "not finite")])
def test_a_row_without_a_direction_is_refused_by_name(value, kind):
    rows = np.ones((3, 2), dtype=np.float32)
    rows[1] = value
    with pytest.raises(FembError, match=rf"faces.npy: the embedding of 'b.jpg', row 1 .* is {kind}; 1 of 3"):
        check_rows(fast_rows(rows).lengths_N, ["a.jpg", "b.jpg", "c.jpg"].__getitem__, "faces.npy")
