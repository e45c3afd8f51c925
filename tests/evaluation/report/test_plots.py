"""The curves of the plots."""

import numpy as np
import pytest

from femb_cli.evaluation.metrics.bands import BandRecorder
from femb_cli.evaluation.metrics.quality import discard_curve
from femb_cli.evaluation.metrics.resampling import resample_pairs
from femb_cli.evaluation.metrics.roc import roc_curve, tar_at_far
from femb_cli.evaluation.report.plots import (
    ScoredSet,
    det_line,
    draw_det,
    draw_roc,
    draw_scores,
    normal_deviates,
    roc_line,
)
from femb_cli.evaluation.report.quality_plots import draw_discard
from femb_cli.evaluation.report.style import plot_style


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


@pytest.mark.parametrize(
    "scores",
    [np.tile([0.9, 0.1], 50), np.array([0.7, 0.1, 0.2, 0.4]), np.full(4, 0.5)],
    ids=["perfectly separated", "four pairs", "all equal"],
)
def test_few_or_extreme_scores_can_be_drawn(scores):
    genuine = np.arange(len(scores)) % 2 == 0
    curve = roc_curve(scores, genuine)
    recorder = BandRecorder(num_impostor=len(curve.impostor_I))
    assert list(recorder.watch(resample_pairs(curve, np.random.default_rng(0), num_resamples=20)))
    sets = [ScoredSet("model", curve, 0.5, recorder.band()), ScoredSet("other", curve, None)]
    with plot_style():
        for figure in (draw_roc(sets), draw_det(sets), draw_scores(sets)):
            figure.draw_without_rendering()


def test_scores_of_other_programs_have_axes_of_their_own_and_cosines_share_one():
    genuine = np.arange(100) % 2 == 0
    ours = ScoredSet("ours", roc_curve(np.tile([0.9, 0.1], 50), genuine), 0.5)
    theirs = ScoredSet("theirs", roc_curve(np.tile([90.0, 10.0], 50), genuine), 50.0, score="Score")
    with plot_style():
        own, shared = draw_scores([ours, theirs]).axes, draw_scores([ours, ours]).axes
    assert [round(axes.get_xlim()[1], 2) for axes in own] == [0.92, 91.6]
    assert [axes.get_xlabel() for axes in own] == ["Cosine", "Score"]
    assert [axes.get_xlabel() for axes in shared] == ["", "Cosine"]


def test_the_axis_of_tar_follows_the_models_of_interest_and_not_one_impostor():
    sets = []
    for name, mean in (("good", 0.45), ("fair", 0.4), ("poor", 0.15)):
        impostors = np.random.default_rng(0).normal(0.0, 0.1, 1000)
        impostors[0] = 0.99  # one person under two names
        genuine = np.random.default_rng(1).normal(mean, 0.1, 1000).clip(-1, 0.98)
        scores, labels = np.concatenate([genuine, impostors]), np.arange(2000) < 1000
        sets.append(ScoredSet(name, roc_curve(scores, labels), None))
    with plot_style():
        figure = draw_roc(sets)
    (axes,) = figure.axes
    tars = [100 * tar_at_far(each.curve, 3e-3).tar for each in sets]
    assert tars[2] < axes.get_ylim()[0] < tars[1] < tars[0]
    assert 5e-4 < axes.get_xlim()[0] <= 1e-3
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "good",
        "fair",
        f"poor (from {tars[2]:.1f} %)",
    ]


def test_the_axis_of_discard_curves_ends_above_the_models_of_interest():
    curves = []
    for name, errors in (("good", 1), ("fair", 5), ("poor", 60)):
        scores = np.concatenate([np.zeros(errors), np.ones(100 - errors), np.zeros(100)])
        curves.append((name, discard_curve(scores, np.arange(200) < 100, np.arange(200.0)[::-1], fmr=0.0)))
    with plot_style():
        figure = draw_discard(curves, fmr="1e-3", area_limit=0.2)
    (axes,) = figure.axes
    assert 5.0 < axes.get_ylim()[1] < 60.0
    assert "FMR 1e-3" in axes.get_ylabel()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["good", "fair", "poor (above: 60.0 %)"]
