"""SphereFace: psi(theta), its annealed form, and the two versions of SphereFace-R."""

import numpy as np
import pytest
from header_cases import (
    MAGNITUDE,
    THETA,
    assert_negatives_keep_their_cosine,
    assert_target_logits,
    negative_cosines,
    negatives_by_degree,
    target_by_degree,
)


def psi(margin):
    """The pieces of psi, each from its own interval."""
    values = np.empty(181)
    for row, theta in enumerate(THETA):
        piece = max(k for k in range(10) if k * np.pi / margin <= theta + 1e-12)
        values[row] = (-1) ** piece * np.cos(margin * theta) - 2 * piece
    return values


A_SOFTMAX = {"scale": None, "margin": 4.0}
CAPPED = {"scale": 30.0, "margin": 1.5, "variant": "capped"}
CASES = {
    "margin 1.7": ({"scale": 30.0, "margin": 1.7}, 30 * psi(1.7)),
    "margin 4": ({"scale": 30.0, "margin": 4.0}, 30 * psi(4)),
    "official": ({"scale": 30.0, "gradient": "official"}, 30 * psi(1.7)),
    "capped": (CAPPED, 30 * np.cos(np.minimum(1.5 * THETA, np.pi))),
    "a-softmax": (A_SOFTMAX, MAGNITUDE * psi(4)),
    "a-softmax annealed": (A_SOFTMAX | {"annealing": 5.0}, MAGNITUDE * (5 * np.cos(THETA) + psi(4)) / 6),
    "negatives": ({"scale": 30.0, "variant": "negatives"}, 30 * np.cos(THETA)),
}


@pytest.mark.parametrize("case", CASES)
def test_target_logit_is_the_closed_form(case):
    parameters, expected = CASES[case]
    assert_target_logits(expected, "sphereface", **parameters)


@pytest.mark.parametrize("case", [case for case in CASES if case != "negatives"])
def test_other_classes_keep_their_cosine(case):
    assert_negatives_keep_their_cosine("sphereface", **CASES[case][0])


def test_the_variant_negatives_divides_the_angles_of_other_classes_by_the_margin():
    others = negatives_by_degree("sphereface", variant="negatives", scale=30.0, margin=1.4)
    np.testing.assert_allclose(others, 30 * np.cos(np.arccos(negative_cosines()) / 1.4), atol=1e-9)


@pytest.mark.parametrize("case", [case for case in CASES if case != "capped"])
def test_target_logit_falls_as_the_angle_grows(case):
    assert (np.diff(target_by_degree("sphereface", **CASES[case][0])) < 0).all()


@pytest.mark.parametrize("magnitude", [0.5, MAGNITUDE, 500.0])
def test_capped_target_logit_never_rises_and_ends_flat(magnitude):
    target = target_by_degree("sphereface", magnitude, **CAPPED)
    assert (np.diff(target) <= 1e-12).all()
    assert (np.diff(target[30:91]) < 0).all()
