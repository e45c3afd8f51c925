"""Fingerprints as text, and how far two are apart."""

import math

import numpy as np
import pytest

from femb_cli.evaluation.embeddings.fingerprint import deviation, fingerprint_from_text, fingerprint_to_text


def test_a_text_gives_back_every_bit():
    embedding = np.random.default_rng(0).normal(size=512).astype(np.float32)
    assert np.array_equal(fingerprint_from_text(fingerprint_to_text(embedding)), embedding)


@pytest.mark.parametrize("text", ["", "not base64!", "AAAA"])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError):
        fingerprint_from_text(text)


def test_a_deviation_is_a_share_of_the_largest_expected_entry():
    expected = np.array([-4, 2], dtype=np.float32)
    assert deviation(np.array([-4, 3], dtype=np.float32), expected) == 0.25
    assert math.isnan(deviation(np.array([-4, np.nan], dtype=np.float32), expected))
    assert deviation(np.zeros(2, dtype=np.float32), np.zeros(2, dtype=np.float32)) == 0
