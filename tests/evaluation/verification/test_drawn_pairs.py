"""Pairs that are drawn from the images of some people."""

from collections import Counter

import numpy as np
import pytest

from femb_cli.evaluation.verification.drawn_pairs import draw_pairs


def people_of(counts):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)) + 5, counts))


@pytest.mark.parametrize("counts, most, number", [((2, 2), 9, 2), ((20, 2), 999, 40), ((3, 5, 1, 30), 60, 60)])
def test_there_are_as_many_pairs_of_either_kind_and_none_twice(counts, most, number):
    labels = people_of(counts)
    drawn = draw_pairs(labels, most)
    assert drawn.genuine_P.tolist() == [True] * number + [False] * number
    assert ((labels[drawn.left_P] == labels[drawn.right_P]) == drawn.genuine_P).all()
    pairs = {frozenset(pair) for pair in zip(drawn.left_P.tolist(), drawn.right_P.tolist(), strict=True)}
    assert (len(pairs), {len(pair) for pair in pairs}) == (2 * number, {2})


def test_every_person_has_the_same_share_of_the_genuine_pairs():
    labels = people_of((30, 10, 2, 10))
    drawn = draw_pairs(labels, 31)
    shares = Counter(labels[drawn.left_P[:31]].tolist())
    assert shares[7] == 1
    assert {shares[label] for label in (5, 6, 8)} == {10}


def test_the_draw_depends_on_the_seed_alone():
    labels = people_of((9, 9, 9))
    one, same, other = (draw_pairs(labels, 20, seed) for seed in (1, 1, 2))
    assert (one.left_P == same.left_P).all()
    assert (one.left_P != other.left_P).any()


@pytest.mark.parametrize("counts", [(), (7,), (1, 1)])
def test_where_one_kind_is_impossible_there_are_no_pairs(counts):
    assert len(draw_pairs(people_of(counts), 10).left_P) == 0
