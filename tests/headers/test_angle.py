"""Trigonometry of cosines."""

import math

import pytest
import torch

from femb_cli.headers.angle import add_angle, add_angle_continued, angle, sine

THETA = torch.linspace(0, math.pi, 181, dtype=torch.float64)
FUNCTIONS = {
    "sine": sine,
    "angle": angle,
    "add_angle": lambda cosine: add_angle(cosine, 0.5),
    "add_angle_continued": lambda cosine: add_angle_continued(cosine, 0.5),
}


def test_sine_and_angle_belong_to_the_cosine():
    torch.testing.assert_close(sine(THETA.cos()), THETA.sin(), rtol=0, atol=1e-7)
    torch.testing.assert_close(angle(THETA.cos()), THETA, rtol=0, atol=1e-7)


@pytest.mark.parametrize("added", [0.0, 0.5, -0.3])
def test_add_angle_is_the_cosine_of_the_sum(added):
    torch.testing.assert_close(add_angle(THETA.cos(), added), (THETA + added).cos(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("margin", [0.2, 0.5, 1.0])
def test_the_continued_curve_falls_from_0_to_180_degrees(margin):
    curve = add_angle_continued(THETA.cos(), margin)
    assert (curve.diff() < 0).all()
    below = math.pi - margin > THETA
    torch.testing.assert_close(curve[below], (THETA[below] + margin).cos(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("cosine", [1.0, -1.0, 1.0000001, -1.0000001])
def test_values_and_gradients_are_finite_at_both_ends_and_slightly_beyond(name, cosine):
    x = torch.tensor(cosine, requires_grad=True)
    value = FUNCTIONS[name](x)
    (gradient,) = torch.autograd.grad(value, x)
    assert value.isfinite()
    assert gradient.isfinite()
