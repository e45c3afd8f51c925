"""MagFace's term on the magnitude."""

import numpy as np
import pytest
import torch

from femb_cli.classifier import MarginClassifier
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


@pytest.mark.parametrize("name", ["linear", "arcface", "cosface", "sphereface", "elasticface"])
def test_other_headers_have_no_regularizer(name):
    assert build_header(name).regularizer(torch.tensor([5.0, 50.0])).item() == 0
