"""How many images the people of a source have.

Shapes: N images, C identities.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from femb_cli.data.identities import Identities

_EDGES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
"""The smallest number of images of each bar of the histogram."""


@dataclass(frozen=True)
class Bar:
    """A bar of the histogram of images per person.

    Attributes:
        label: The numbers of images that it counts, such as `3-4`.
        num_people: Number of people with so many images.
    """

    label: str
    num_people: int


@dataclass(frozen=True)
class People:
    """How many images each person has.

    Attributes:
        num_people: People with at least one image.
        num_unlabeled: Images of which the person is not known.
        min: Images of the person who has the fewest.
        median: Images of the person in the middle.
        mean: Mean number of images.
        max: Images of the person who has the most.
        num_single: People with a single image.
        histogram: People by their number of images, from the fewest to the most.
    """

    num_people: int
    num_unlabeled: int
    min: int
    median: float
    mean: float
    max: int
    num_single: int
    histogram: list[Bar]

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain values."""
        return {
            **{"min": self.min, "median": self.median, "mean": round(self.mean, 3), "max": self.max},
            "people_of_one_image": self.num_single,
            "histogram": {bar.label: bar.num_people for bar in self.histogram},
        }


def count_people(identities: Identities | None) -> People | None:
    """Count the images of each person; None if there is no person."""
    if identities is None:
        return None
    labels_N = identities.labels_N
    counts_C = np.bincount(labels_N[labels_N >= 0], minlength=1)
    counts_C = counts_C[counts_C > 0]
    if not len(counts_C):
        return None
    return People(
        num_people=len(counts_C),
        num_unlabeled=int((labels_N < 0).sum()),
        min=int(counts_C.min()),
        median=float(np.median(counts_C)),
        mean=float(counts_C.mean()),
        max=int(counts_C.max()),
        num_single=int((counts_C == 1).sum()),
        histogram=_histogram(counts_C),
    )


def _histogram(counts_C: np.ndarray) -> list[Bar]:
    """Return the bars from the fewest to the most images; bars between them may be empty."""
    people = np.histogram(counts_C, [*_EDGES, np.inf])[0].tolist()
    used = [place for place, number in enumerate(people) if number]
    return [Bar(_label(place), people[place]) for place in range(used[0], used[-1] + 1)]


def _label(place: int) -> str:
    if place + 1 == len(_EDGES):
        return f"{_EDGES[place]} or more"
    first, last = _EDGES[place], _EDGES[place + 1] - 1
    return f"{first}" if first == last else f"{first}-{last}"
