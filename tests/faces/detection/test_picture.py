"""Pictures at several scales, and squares cut out of them."""

import numpy as np
import pytest
import torch

from femb_cli.faces.detection.picture import Picture, Squares, pixel_grids


def slope(height=64, width=96):
    """A picture whose red grows by 2 a pixel to the right and whose green by 3 a pixel downwards."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([2 * columns, 3 * rows, np.full_like(rows, 128)], axis=2).astype(np.uint8)


def places(cut):
    """Where the pixels of a cut-out slope were taken from, from the outer corner of the first pixel."""
    values = cut.numpy() * 128 + 127.5
    return values[0] / 2 + 0.5, values[1] / 3 + 0.5


def cut(pixels, squares, size):
    """The squares of a picture, as a network's input."""
    picture = Picture(torch.from_numpy(pixels))
    return picture.cut(squares, pixel_grids([picture], [squares], size)[0])


def squares(middle, side, degrees=0.0):
    return Squares(np.array([middle], dtype=float), np.array([float(side)]), np.deg2rad([degrees]))


@pytest.mark.parametrize("side", [6, 12, 24, 40])
def test_a_square_is_cut_where_it_lies(side):
    x, y = places(cut(slope(), squares((50, 30), side), 12)[0])
    inside = (np.arange(12) + 0.5) / 12 * side - side / 2
    np.testing.assert_allclose(x, np.broadcast_to(50 + inside, (12, 12)), atol=0.3)
    np.testing.assert_allclose(y, np.broadcast_to(30 + inside[:, None], (12, 12)), atol=0.3)


def test_a_turned_square_is_cut_along_its_axes():
    turned = squares((50, 30), 20, degrees=30)
    x, y = places(cut(slope(), turned, 10)[0])
    corner, right = np.array([x[0, 0], y[0, 0]]), np.array([x[0, 9], y[0, 9]])
    assert np.rad2deg(np.arctan2(*(right - corner)[::-1])) == pytest.approx(30, abs=1)
    expected = turned.to_picture(np.array([[[0.05, 0.05], [0.95, 0.05]]]))[0]
    np.testing.assert_allclose([corner, right], expected, atol=0.3)


def test_beyond_the_picture_it_is_grey():
    assert not cut(slope(), squares((-50, -50), 20), 12).any()


def test_a_turned_picture_is_numpys():
    pixels = slope(5, 7)
    for quarters in range(4):
        turned = Picture(torch.from_numpy(pixels)).turned(quarters)
        np.testing.assert_array_equal(turned.pixels_13HW[0].permute(1, 2, 0).numpy(), np.rot90(pixels, quarters))


def test_a_square_much_larger_than_the_picture_is_cut_too():
    assert cut(slope(3, 2), squares((1, 1), 500), 24).shape == (1, 3, 24, 24)
