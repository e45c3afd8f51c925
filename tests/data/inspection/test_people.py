"""Images per person are counted, and put into a histogram."""

import numpy as np
import pytest

from femb_cli.data.identities import Identities
from femb_cli.data.inspection.describe import describe_people, histogram_text
from femb_cli.data.inspection.people import count_people


def of_counts(*counts: int, unlabeled: int = 0) -> Identities:
    labels = np.concatenate([np.repeat(np.arange(len(counts)), counts), np.full(unlabeled, -1)])
    return Identities([f"p{number}" for number in range(len(counts))], labels)


def test_people_without_an_image_do_not_count():
    people = count_people(of_counts(1, 0, 4, 7, 1, unlabeled=2))
    assert (people.num_people, people.num_unlabeled, people.num_single) == (4, 2, 2)
    assert (people.min, people.median, people.mean, people.max) == (1, 2.5, 3.25, 7)
    assert [(bar.label, bar.num_people) for bar in people.histogram] == [("1", 2), ("2", 0), ("3-4", 1), ("5-9", 1)]
    assert count_people(None) is count_people(of_counts(unlabeled=3)) is None


def test_the_histogram_is_text():
    assert histogram_text(count_people(of_counts(*[1] * 1000, *[20000] * 9))).splitlines()[::13] == [
        "            1  1,000  ##############################",
        "10000 or more      9  #",
    ]


@pytest.mark.parametrize(
    "counts, words",
    [
        ((1, 1, 1), "one image for every person: are the labels right?"),
        ((9,), "all 9 images show one person: are the labels right?"),
        ((4, 4), "4 images each"),
        ((1, 4, 4), "1 to 4 images, median 4, mean 3.0; 1 people have a single image"),
    ],
)
def test_labels_that_say_nothing_are_said(counts, words):
    assert describe_people(count_people(of_counts(*counts)))["per person"] == words
