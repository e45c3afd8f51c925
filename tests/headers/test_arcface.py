"""ArcFace: cos(theta + m)."""

import numpy as np
import pytest
from header_cases import THETA, assert_negatives_keep_their_cosine, assert_target_logits, target_by_degree

CASES = [{"scale": 64.0, "margin": 0.5}, {"margin": 0.3, "gradient": "official"}]


@pytest.mark.parametrize("parameters", CASES)
def test_target_logit_is_the_closed_form(parameters):
    assert_target_logits(64 * np.cos(THETA + parameters["margin"]), "arcface", **parameters)


@pytest.mark.parametrize("parameters", CASES)
def test_other_classes_keep_their_cosine(parameters):
    assert_negatives_keep_their_cosine("arcface", **parameters)


@pytest.mark.parametrize("margin", [0.2, 0.5, 1.0])
def test_target_logit_falls_up_to_the_angle_whose_margin_reaches_180_degrees(margin):
    target = target_by_degree("arcface", margin=margin)
    last = int(np.degrees(np.pi - margin))
    assert (np.diff(target[: last + 1]) < 0).all()
    assert target[180] > target[last]
