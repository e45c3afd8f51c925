"""MagFace: cos(theta + m(a)), and the regulariser g(a)."""

import numpy as np
import pytest
import torch
from header_cases import (
    DEGREES,
    MAGNITUDE,
    THETA,
    arcface_continued,
    assert_negatives_keep_their_cosine,
    assert_target_logits,
    target_by_degree,
)

from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import HeaderConfig
from femb_cli.config.section import choices
from femb_cli.headers import build_header

MARGIN = (0.8 - 0.45) / (110 - 10) * (MAGNITUDE - 10) + 0.45
KINDS = [{}, {"easy_margin": False}, {"kind": "cos"}]
EMBEDDINGS = torch.tensor([[3.0, 4.0], [30.0, 40.0], [-60.0, 80.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 1, 2])
# Magnitudes 5, 50 and 100; the first is below the lower bound of 10.
EXPECTED_G = np.mean([10 / 110**2 + 1 / 10, 50 / 110**2 + 1 / 50, 100 / 110**2 + 1 / 100])


def test_target_logit_with_the_easy_margin_is_the_closed_form():
    expected = 64 * np.where(DEGREES < 90, np.cos(THETA + MARGIN), np.cos(THETA))
    # cos(90 degrees) rounds to a side, on which the easy margin depends.
    chosen = DEGREES != 90
    np.testing.assert_allclose(target_by_degree("magface")[chosen], expected[chosen], atol=1e-9 * 64)


def test_target_logit_without_the_easy_margin_is_the_closed_form():
    assert_target_logits(64 * arcface_continued(MARGIN), "magface", easy_margin=False)


def test_target_logit_of_kind_cos_is_the_closed_form():
    assert_target_logits(64 * (np.cos(THETA) - MARGIN), "magface", kind="cos")


@pytest.mark.parametrize("parameters", KINDS)
def test_other_classes_keep_their_cosine(parameters):
    assert_negatives_keep_their_cosine("magface", **parameters)


@pytest.mark.parametrize("parameters", KINDS[1:])
def test_target_logit_falls_as_the_angle_grows(parameters):
    assert (np.diff(target_by_degree("magface", **parameters)) < 0).all()


def test_target_logit_with_the_easy_margin_falls_on_either_side_of_90_degrees():
    target = target_by_degree("magface")
    assert (np.diff(target[:90]) < 0).all()
    assert (np.diff(target[91:]) < 0).all()


@pytest.mark.parametrize("magnitude, margin", [(1.0, 0.45), (10.0, 0.45), (60.0, 0.625), (110.0, 0.8), (500.0, 0.8)])
def test_margin_grows_with_the_magnitude_between_its_bounds(magnitude, margin):
    assert build_header("magface").margin(torch.tensor([magnitude], dtype=torch.float64)).item() == pytest.approx(
        margin
    )


def output_and_gradient(lambda_g):
    torch.manual_seed(0)
    classifier = MarginClassifier(build_header("magface", lambda_g=lambda_g), 2, 3).double()
    embeddings = EMBEDDINGS.clone().requires_grad_()
    output = classifier(embeddings, LABELS)
    output.loss.backward()
    return output, embeddings.grad


def test_regularizer_is_the_weighted_mean_of_g():
    output, _ = output_and_gradient(35.0)
    assert output.regularizer.item() == pytest.approx(35 * EXPECTED_G, rel=1e-12)


def test_regularizer_is_added_once():
    output, _ = output_and_gradient(35.0)
    without, _ = output_and_gradient(0.0)
    assert output.cross_entropy.item() == pytest.approx(without.loss.item(), rel=1e-12)
    assert output.loss.item() == pytest.approx(without.loss.item() + 35 * EXPECTED_G, rel=1e-12)


def test_regularizer_has_a_gradient_along_the_embedding_within_the_bounds_only():
    _, gradient = output_and_gradient(35.0)
    _, without = output_and_gradient(0.0)
    change = (gradient - without).numpy()
    magnitude = np.array([5.0, 50.0, 100.0])
    slope = np.array([0, 1 / 110**2 - 1 / 50**2, 1 / 110**2 - 1 / 100**2])
    expected = (35 / 3 * slope / magnitude)[:, None] * EMBEDDINGS.numpy()
    np.testing.assert_allclose(change, expected, atol=1e-12)


OTHERS = [name for name in choices(HeaderConfig) if name != "magface"]


@pytest.mark.parametrize("name", OTHERS)
def test_other_headers_have_no_regularizer(name):
    assert build_header(name).regularizer(torch.tensor([5.0, 50.0])).item() == 0


def test_a_warning_about_too_small_a_weight_names_the_bound(caplog):
    build_header("magface", lambda_g=20)
    assert "lambda_g = 20 is below 22.587" in caplog.text


@pytest.mark.parametrize("parameters", [{}, {"lambda_g": 22.588}, {"kind": "cos", "l_margin": 0.35, "lambda_g": 150}])
def test_published_weights_cause_no_warning(caplog, parameters):
    build_header("magface", **parameters)
    assert not caplog.records


def test_at_the_bound_the_hardest_sample_no_longer_gains_from_less_magnitude():
    """At theta + m = 90 degrees and probability 0, the margin's gradient is largest; at l_a it is -g's."""
    header = build_header("magface", lambda_g=0.0)
    header.lambda_g = header.smallest_lambda_g
    magnitude = torch.tensor([header.l_a + 1e-9], dtype=torch.float64, requires_grad=True)
    cosine = torch.tensor([np.cos(np.pi / 2 - header.l_margin)], dtype=torch.float64)
    loss = header.regularizer(magnitude) - header.scale * header.target(cosine, magnitude).sum()
    (slope,) = torch.autograd.grad(loss, magnitude)
    assert slope.item() == pytest.approx(0, abs=1e-6)
