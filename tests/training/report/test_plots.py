"""Curves of runs."""

import numpy as np

from femb_cli.training.report.plots import thin_out


def test_a_long_curve_is_drawn_as_means_of_neighbouring_points():
    steps_T, values_T = np.arange(1, 2502), np.arange(2501.0)
    thin_steps_T, thin_values_T = thin_out((steps_T, values_T))
    assert thin_steps_T[:2].tolist() == [3, 6] and thin_steps_T[-1] == 2501
    assert thin_values_T[:2].tolist() == [1.0, 4.0] and thin_values_T[-1] == 2499.5
    short = (steps_T[:900], values_T[:900])
    assert thin_out(short) is short
