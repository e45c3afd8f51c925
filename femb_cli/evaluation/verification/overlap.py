"""Look for people who are both in a training set and in a benchmark, by their names.

A network that was trained on a person knows that person's face, so that a benchmark of such people gives figures that
are too good. Images are not compared.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from femb_cli.evaluation.verification.pairs import PairList

_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Overlap:
    """The people of a benchmark whose names are also in a training set.

    Attributes:
        people: their names as the benchmark writes them, sorted.
        num_people: people of the benchmark.
    """

    people: list[str]
    num_people: int


def find_overlap(trained: Iterable[str], pairs: PairList) -> Overlap:
    """Compare the names of people; case, spaces and underscores make no difference, and mere numbers are no names.

    Args:
        trained: the names of the people of a training set.
        pairs: the benchmark's pairs. If neither they nor the paths of their images say who is shown, there is nobody to
            compare.
    """
    subjects = pairs.subjects()
    people = set() if subjects is None else {*subjects[0], *subjects[1]}
    by_name = {_normalise(person): person for person in people if _LETTER.search(person)}
    found = by_name.keys() & map(_normalise, trained) if by_name else set()
    return Overlap(sorted(by_name[name] for name in found), len(people))


def _normalise(name: str) -> str:
    return re.sub(r"[\s_]+", " ", name.casefold()).strip()
