"""The curves of the plots."""

import numpy as np
import pytest

from femb_cli.evaluation.metrics.roc import roc_curve, tar_at_far
from femb_cli.evaluation.report.plots import det_line, normal_deviates, roc_line


def test_tar_rises_with_far_and_fnmr_falls_with_fmr(results):
    curve = roc_curve(results[0].scores_N, results[0].genuine_N)
    for (x_T, y_T), direction in ((roc_line(curve), 1), (det_line(curve), -1)):
        assert len(x_T) > 10
        assert np.all(np.diff(x_T) >= 0)
        assert np.all(direction * np.diff(y_T) >= 0)


def test_the_drawn_staircase_is_tar_at_far_everywhere(results):
    curve = roc_curve(results[0].scores_N, results[0].genuine_N)
    far_T, tar_T = roc_line(curve)
    for false_accepts in range(1, len(curve.impostor_I)):
        far = false_accepts / len(curve.impostor_I)
        assert tar_T[np.searchsorted(far_T, far + 1e-9) - 1] == pytest.approx(tar_at_far(curve, far).tar)


def test_a_set_without_errors_leaves_no_det_curve():
    assert len(det_line(roc_curve([0.9, 0.8, 0.1, 0.2], [True, True, False, False]))[0]) == 0


def test_normal_deviates_are_symmetric_and_infinite_at_the_ends():
    np.testing.assert_allclose(
        normal_deviates([0.0, 0.158655, 0.5, 0.841345, 1.0]), [-np.inf, -1.0, 0.0, 1.0, np.inf], atol=1e-5
    )
