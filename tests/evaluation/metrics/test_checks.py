"""Refusing embeddings without a cosine."""

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.checks import check_embeddings


def test_sound_lengths_pass():
    check_embeddings(np.array([1e-30, 1.0, 1e30]), str)


@pytest.mark.parametrize(("lengths", "kind"), [([1.0, 0.0, np.nan], "zero"), ([1.0, np.inf, 0.0], "not finite")])
def test_the_first_unsound_length_is_named_and_all_are_counted(lengths, kind):
    with pytest.raises(FembError, match=f"row 1 is {kind}; 2 of 3 embeddings are zero or not finite"):
        check_embeddings(np.array(lengths), lambda row: f"row {row}")
