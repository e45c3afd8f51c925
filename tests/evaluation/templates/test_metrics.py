"""Metrics of template pairs: hand cases, scikit-learn's curve, and the official code on its file format."""

import numpy as np
import pytest
from sklearn.metrics import roc_curve as sklearn_curve
from template_cases import MODES, scored

from femb_cli.evaluation.metrics.roc import roc_curve
from femb_cli.evaluation.templates.metrics import FALSE_POSITIVE_RATES, template_metrics, tpr_at_nearest_fpr
from femb_cli.evaluation.templates.mode import TemplateMode


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("mode", MODES)
def test_golden_rates(ijb_like, expected, mode, kind):
    templates = scored(ijb_like, mode, kind)
    golden = expected[mode]
    metrics = template_metrics(
        templates.scores_P,
        templates.lists.genuine_P,
        num_templates=len(templates.numbers_T),
        num_images=len(templates.lists.names),
        mode=TemplateMode.parse(mode),
    )
    for row, key in zip(golden["official_unrounded"], FALSE_POSITIVE_RATES, strict=True):
        allowed = row.get("equally_near_tpr", [row["tpr"]])
        assert any(metrics.official_tpr_at_fpr[key] == pytest.approx(tpr, abs=1e-12) for tpr in allowed)
        # Two impostors' scores are one in float32: a point is kept there that float64 leaves out.
        if len(allowed) == 1 and kind is np.float64:
            assert metrics.official_fpr[key] == pytest.approx(row["nearest_fpr"], abs=1e-12)
    for far, row in golden["exact"]["tar_at_far"].items():
        key = next(key for key, rate in FALSE_POSITIVE_RATES.items() if rate == float(far))
        assert metrics.tar_at_far[key] == pytest.approx(row["tar"], abs=1e-12)
        assert metrics.fnmr_at_fmr[key] == pytest.approx(row["fnmr"], abs=1e-12)
    # Float32 may change the order of two scores.
    tolerance = 1e-9 if kind is np.float64 else 1e-6
    assert metrics.auc == pytest.approx(golden["auc"], abs=tolerance)
    assert metrics.d_prime == pytest.approx(golden["exact"]["d_prime"], abs=tolerance)
    assert metrics.eer == pytest.approx(golden["exact"]["eer_interpolated"], abs=1e-12)


def test_golden_nearest_fpr_may_exceed_the_target(edge_cases):
    case = edge_cases["nearest_fpr_may_exceed_the_target"]
    genuine, impostor = case["input"]["genuine_scores"], case["input"]["impostor_scores"]
    curve = roc_curve(genuine + impostor, [True] * len(genuine) + [False] * len(impostor))
    (point,) = tpr_at_nearest_fpr(curve, [case["input"]["fpr_target"]])
    assert (point.tpr, point.fpr) == (case["expected"]["official_tpr"], case["expected"]["official_fpr"])


@pytest.mark.parametrize("decimals", [1, 2, 12])
@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_point_is_that_of_scikit_learns_curve(seed, decimals):
    generator = np.random.default_rng(seed)
    genuine = generator.random(300) < 0.3
    scores = np.round(generator.normal(0.4 * genuine, 0.3), decimals)
    fpr, tpr, _ = sklearn_curve(genuine, scores)
    points = tpr_at_nearest_fpr(roc_curve(scores, genuine), list(FALSE_POSITIVE_RATES.values()))
    for point, target in zip(points, FALSE_POSITIVE_RATES.values(), strict=True):
        nearest = min(range(len(fpr)), key=lambda k: (abs(fpr[k] - target), -k))
        assert (point.tpr, point.fpr) == pytest.approx((tpr[nearest], fpr[nearest]), abs=1e-12)


def test_curves_of_one_and_two_scores_have_their_corners():
    for scores in ([0.5, 0.5], [0.7, 0.3]):
        (point,) = tpr_at_nearest_fpr(roc_curve(scores, [True, False]), [1.0])
        assert (point.tpr, point.fpr) == (1.0, 1.0)
