"""How many independent pairs a list is worth."""

import numpy as np
import pytest

from femb_cli.evaluation.metrics.dependence import effective_pairs
from femb_cli.evaluation.metrics.groups import compare_groups


def test_pairs_of_different_people_are_independent():
    people = np.arange(100)
    assert effective_pairs(people < 30, people, people) == pytest.approx(99, abs=1.1)


def test_pairs_of_one_person_that_fail_together_count_once():
    people = np.repeat(np.arange(20), 10)
    assert effective_pairs(people < 5, people, people) == pytest.approx(19)


def test_impostor_pairs_that_share_one_of_two_people_depend_on_each_other():
    left, right = np.repeat(np.arange(20), 20), 20 + np.tile(np.arange(20), 20)
    of_left, of_right = left < 5, right < 25
    assert effective_pairs(of_left, left, right) == effective_pairs(of_right, left, right) < 25
    independent = np.random.default_rng(0).random(400) < 0.25
    assert effective_pairs(independent, left, right) > 150


@pytest.mark.parametrize("errors", [np.zeros(6, dtype=bool), np.ones(6, dtype=bool)])
def test_without_errors_nothing_is_known_of_their_dependence(errors):
    assert effective_pairs(errors, np.zeros(6, dtype=int), np.arange(6)) == 6


def test_people_who_fail_again_and_again_do_not_make_groups_differ():
    generator = np.random.default_rng(0)
    people = np.repeat(np.arange(40), 40)
    labels = np.where(people < 20, "a", "b").tolist()
    genuine = np.arange(1600) % 2 == 0
    named = {"known": 0, "unknown": 0}
    for _ in range(60):
        fails = generator.beta(0.3, 3.0, 40)[people] > generator.random(1600)
        scores = np.where(genuine, np.where(fails, 0.0, 1.0), 0.1)
        for kind, known in (("known", (people, people)), ("unknown", None)):
            found = compare_groups(scores, genuine, labels, grouping="sex", far=0.0, people=known)
            named[kind] += found.fnmr_apart is not None
    assert named["known"] <= 3 < named["unknown"]
