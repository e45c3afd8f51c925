"""MagFace's term on the magnitude."""

import numpy as np
import pytest
import torch

from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import HeaderConfig
from femb_cli.config.section import choices
from femb_cli.headers import build_header

EMBEDDINGS = torch.tensor([[3.0, 4.0], [30.0, 40.0], [-60.0, 80.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 1, 2])
# Magnitudes 5, 50 and 100; the first is below the lower bound of 10.
EXPECTED_G = np.mean([10 / 110**2 + 1 / 10, 50 / 110**2 + 1 / 50, 100 / 110**2 + 1 / 100])


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


def test_regularizer_pulls_along_the_embedding_within_the_bounds_only():
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


def test_too_small_a_weight_is_warned_of_with_the_bound(caplog):
    build_header("magface", lambda_g=20)
    assert "lambda_g = 20 is below 22.587" in caplog.text


@pytest.mark.parametrize("parameters", [{}, {"lambda_g": 22.588}, {"kind": "cos", "l_margin": 0.35, "lambda_g": 150}])
def test_published_weights_are_not_warned_of(caplog, parameters):
    build_header("magface", **parameters)
    assert not caplog.records


def test_at_the_bound_the_hardest_sample_no_longer_gains_from_less_magnitude():
    """Where theta + m is 90 degrees and its probability 0, the margin pulls most; the regulariser holds at l_a."""
    header = build_header("magface", lambda_g=0.0)
    header.lambda_g = header.smallest_lambda_g
    magnitude = torch.tensor([header.l_a + 1e-9], dtype=torch.float64, requires_grad=True)
    cosine = torch.tensor([np.cos(np.pi / 2 - header.l_margin)], dtype=torch.float64)
    loss = header.regularizer(magnitude) - header.scale * header.target(cosine, magnitude).sum()
    (slope,) = torch.autograd.grad(loss, magnitude)
    assert slope.item() == pytest.approx(0, abs=1e-6)
