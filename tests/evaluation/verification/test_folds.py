"""Cutting lists of pairs into folds."""

import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.folds import contiguous_folds, stratified_folds


def test_the_first_folds_are_longer_where_pairs_do_not_divide_evenly():
    assert contiguous_folds(7, 3).tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_more_folds_than_pairs_are_refused():
    with pytest.raises(FembError, match="2 pairs cannot fill 10 folds"):
        contiguous_folds(2, 10)


def test_stratified_folds_cut_each_kind_in_its_order():
    assert stratified_folds([1, 0, 0, 1, 1, 0, 1], 2).tolist() == [0, 0, 0, 0, 1, 1, 1]
