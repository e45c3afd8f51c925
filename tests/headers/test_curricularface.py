"""CurricularFace: cos(theta + m), and c (t + c) for hard negatives."""

import numpy as np
import pytest
import torch
from header_cases import (
    SAMPLE_LABELS,
    SAMPLES,
    THETA,
    arcface_continued,
    assert_target_logits,
    negative_cosines,
    negatives_by_degree,
    small_classifier,
    state_of,
    target_by_degree,
)

from femb_cli.headers import build_header


def test_target_logit_is_the_closed_form():
    assert_target_logits(64 * arcface_continued(0.5), "curricularface")


def test_target_logit_falls_as_the_angle_grows():
    assert (np.diff(target_by_degree("curricularface")) < 0).all()


def test_hard_negatives_are_those_above_the_target():
    cosines = negative_cosines()
    is_hard = cosines > np.cos(THETA + 0.5)[:, None]
    expected = 64 * np.where(is_hard, cosines**2, cosines)
    np.testing.assert_allclose(negatives_by_degree("curricularface"), expected, atol=1e-9)


def test_state_is_the_moving_average_of_the_targets_cosines():
    classifier = small_classifier("curricularface", alpha=0.25)
    classifier(SAMPLES, SAMPLE_LABELS)
    assert state_of(classifier) == pytest.approx({"t": 0.25 * (0.6 + 0.8 + 0.6) / 3})


def test_hard_negatives_count_more_as_t_grows():
    header = build_header("curricularface")
    cosine, target = torch.tensor([[0.9, -0.1]]), torch.tensor([0.5])
    header.t.fill_(0.3)
    assert header.negatives(cosine, target)[0].tolist() == pytest.approx([0.9 * (0.3 + 0.9), -0.1])
