"""CosFace: cos(theta) - m."""

import numpy as np
from header_cases import THETA, assert_negatives_keep_their_cosine, assert_target_logits, target_by_degree

PARAMETERS = {"scale": 30.0, "margin": 0.35}


def test_target_logit_is_the_closed_form():
    assert_target_logits(30 * (np.cos(THETA) - 0.35), "cosface", **PARAMETERS)


def test_other_classes_keep_their_cosine():
    assert_negatives_keep_their_cosine("cosface", **PARAMETERS)


def test_target_logit_falls_as_the_angle_grows():
    assert (np.diff(target_by_degree("cosface", **PARAMETERS)) < 0).all()
