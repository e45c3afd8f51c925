"""The combined margin: cos(m1 theta + m2) - m3."""

import numpy as np
import pytest
from header_cases import THETA, assert_negatives_keep_their_cosine, assert_target_logits

CASES = [
    ({"m1": 1.2, "m2": 0.3, "m3": 0.1}, 64 * (np.cos(1.2 * THETA + 0.3) - 0.1)),
    ({"m1": 0.9, "gradient": "official"}, 64 * np.cos(0.9 * THETA + 0.5)),
]
EVERY_CASE = pytest.mark.parametrize(("parameters", "expected"), CASES, ids=["exact", "official"])


@EVERY_CASE
def test_target_logit_is_the_closed_form(parameters, expected):
    assert_target_logits(expected, "combined", **parameters)


@EVERY_CASE
def test_other_classes_keep_their_cosine(parameters, expected):
    assert_negatives_keep_their_cosine("combined", **parameters)
