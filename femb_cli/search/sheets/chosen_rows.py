"""Which images the contact sheet of a source shows: some of some people, spread evenly, and those that are equal.

Shape suffixes: N images or pairs.
"""

import numpy as np
from numpy.typing import NDArray

from femb_cli.data.identities import Identities
from femb_cli.data.inspection.doubles import SEVERAL_PEOPLE, Doubles, kind_of
from femb_cli.data.source import ImageSource
from femb_cli.search.sheets.inspection import Section, Strip

PEOPLE = 60
PICTURES_EACH = 5
PICTURES = 240
PAIRS = 30
SETS = 20
MOST_NAMES = 5


def sections_of_images(source: ImageSource, doubles: Doubles) -> list[Section]:
    """Return the contact sheet of a source: its people, or its images if it has none, and sets of equal images."""
    people = source.identities
    return [
        _images(len(source)) if people is None or not (people.labels_N >= 0).any() else _people(people),
        *_equal_images(source, doubles),
    ]


def sections_of_pairs(
    genuine_N: NDArray[np.bool_], left_N: NDArray[np.int64], right_N: NDArray[np.int64]
) -> list[Section]:
    """Return the contact sheet of a benchmark: some genuine and some impostor pairs.

    Args:
        genuine_N: True for genuine pairs.
        left_N: the row of the first image of each pair.
        right_N: the row of the second image.
    """
    sections = []
    for title, is_shown_N in (("Genuine pairs", genuine_N), ("Impostor pairs", ~genuine_N)):
        pairs = _spread(np.flatnonzero(is_shown_N), PAIRS)
        strips = [Strip(f"pair {pair}", [int(left_N[pair]), int(right_N[pair])]) for pair in pairs]
        if strips:
            sections.append(Section(f"{title}: {len(strips):,} of {int(is_shown_N.sum()):,}", strips))
    return sections


def _people(people: Identities) -> Section:
    present = np.unique(people.labels_N[people.labels_N >= 0])
    strips = []
    for label in _spread(present, PEOPLE):
        rows_N = np.flatnonzero(people.labels_N == label)
        strips.append(Strip(f"{people.names[label]} ({len(rows_N):,})", _spread(rows_N, PICTURES_EACH)))
    return Section(f"People and their images: {len(strips):,} of {len(present):,} people", strips)


def _images(number: int) -> Section:
    rows = _spread(np.arange(number), PICTURES)
    return Section(f"Images: {len(rows):,} of {number:,}", [Strip("", rows)])


def _equal_images(source: ImageSource, doubles: Doubles) -> list[Section]:
    """Return the first sets of equal images, those of several people before others; one image of each is enough."""
    people = source.identities
    ordered = sorted(doubles.sets, key=lambda rows: kind_of(rows, people) != SEVERAL_PEOPLE)[:SETS]
    names = [[source.names[row].rpartition("/")[2] for row in rows[:MOST_NAMES]] for rows in ordered]
    strips = [Strip(" = ".join(equal), rows[:1]) for equal, rows in zip(names, ordered, strict=True)]
    return [Section(f"Equal images: {len(strips):,} of {len(doubles.sets):,} sets", strips)] if strips else []


def _spread(rows_N: NDArray[np.int64], most: int) -> list[int]:
    """Return some of the rows, spread evenly over them."""
    places = np.linspace(0, len(rows_N) - 1, min(len(rows_N), most)).astype(np.int64)
    return rows_N[places].tolist() if len(rows_N) else []
