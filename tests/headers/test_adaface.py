"""AdaFace: cos(theta - m k) - (m + m k), and the moving averages behind the quality k."""

import numpy as np
import pytest
import torch
from header_cases import (
    MAGNITUDE,
    SAMPLE_LABELS,
    SAMPLES,
    THETA,
    assert_negatives_keep_their_cosine,
    assert_target_logits,
    small_classifier,
    state_of,
    target_by_degree,
)

from femb_cli.headers import build_header


def test_target_logit_is_the_closed_form():
    margin = 0.4
    # Before the first batch, the mean is 20 and the standard deviation 100.
    quality = 0.333 * (MAGNITUDE - 20) / (100 + 1e-3)
    nearest = np.arccos(1 - 1e-3)
    angle = np.clip(THETA, nearest, np.pi - nearest) - margin * quality
    expected = np.cos(np.clip(angle, 1e-3, np.pi - 1e-3)) - margin * (1 + quality)
    assert_target_logits(64 * expected, "adaface")


def test_other_classes_keep_their_cosine():
    assert_negatives_keep_their_cosine("adaface")


@pytest.mark.parametrize("magnitude", [0.5, MAGNITUDE, 500.0])
def test_target_logit_never_rises_and_has_flat_ends(magnitude):
    target = target_by_degree("adaface", magnitude)
    assert (np.diff(target) <= 1e-12).all()
    assert (np.diff(target[30:91]) < 0).all()


def test_state_is_the_moving_average_of_the_clipped_magnitudes():
    classifier = small_classifier("adaface", t_alpha=0.25)
    classifier(SAMPLES, SAMPLE_LABELS)
    # Magnitudes 5, 50 and 1000, the last clipped to 100.
    magnitudes = torch.tensor([5.0, 50.0, 100.0])
    mean, std = 0.25 * magnitudes.mean() + 0.75 * 20, 0.25 * magnitudes.std() + 0.75 * 100
    assert state_of(classifier) == pytest.approx({"batch_mean": mean.item(), "batch_std": std.item()})


def test_a_batch_of_one_sample_leaves_the_deviation_unchanged():
    classifier = small_classifier("adaface", t_alpha=0.25)
    classifier(SAMPLES[:1], SAMPLE_LABELS[:1])
    assert state_of(classifier) == pytest.approx({"batch_mean": 0.25 * 5 + 0.75 * 20, "batch_std": 100.0})


def test_quality_rises_with_the_magnitude_from_minus_one_to_one():
    quality = build_header("adaface", h=1.0).quality(torch.tensor([0.0, 20.0, 70.0, 1e4]))
    assert quality.tolist() == pytest.approx([-0.2, 0.0, 0.5, 0.8], abs=1e-3)
    extreme = build_header("adaface", h=10.0).quality(torch.tensor([0.0, 1e4]))
    assert extreme.tolist() == [-1.0, 1.0]


def test_the_magnitude_gets_no_gradient():
    magnitude = torch.tensor([30.0], requires_grad=True)
    assert not build_header("adaface").target(torch.tensor([0.5]), magnitude).requires_grad
