"""Look for people who are both in a training set and in a benchmark, by their names.

A network that was trained on a person knows that person's face, so that a benchmark of such people gives figures that
are too good. Images are not compared.

Names are compared by digests, so that a checkpoint can say who it was trained on without a list of their names; who
has a list of names can still look each of them up.

Shape suffix: U different people.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

from femb_cli.evaluation.text_column import all_texts
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


def name_digests(names: Iterable[str]) -> NDArray[np.int64]:
    """Return a digest of 64 bits of each name, ascending, each once, int64 (U,); mere numbers are no names.

    Case, spaces and underscores make no difference.
    """
    digests = {_digest(name) for name in names if is_name(name)}
    return np.array(sorted(digests), np.int64)


def find_overlap(trained_U: NDArray[np.int64], pairs: PairList) -> Overlap:
    """Compare the names of people, by their digests.

    Args:
        trained_U: the digests of the people of a training set, of `name_digests`.
        pairs: the benchmark's pairs. If neither they nor the paths of their images say who is shown, there is nobody to
            compare.
    """
    subjects = pairs.subjects() if len(trained_U) else None
    people = [] if subjects is None else all_texts(subjects)
    named = [person for person in people if is_name(person)]
    known = set(trained_U.tolist()) if named else set()
    return Overlap(sorted(person for person in named if _digest(person) in known), len(people))


def has_named_people(pairs: PairList) -> bool:
    """Whether a benchmark says who its images show, by names and not only by numbers."""
    subjects = pairs.subjects()
    return subjects is not None and any(is_name(person) for person in all_texts(subjects))


def overlap_warning(overlap: Overlap, benchmark: str, who: str) -> str:
    """Return the sentence about people of a benchmark who were trained on.

    Args:
        overlap: these people, at least one.
        benchmark: name of the benchmark.
        who: what is known of them, such as `are in the training set`.
    """
    return (
        f"{len(overlap.people):,} of {overlap.num_people:,} people of {benchmark} {who}, by their names, for example"
        f" {overlap.people[0]}: its figures will be too good"
    )


def is_name(name: str) -> bool:
    """Whether a person's name has letters in its last folder: mere numbers are no names."""
    return _LETTER.search(name.rpartition("/")[2]) is not None


def _digest(name: str) -> int:
    """Digest the last folder of a name: a list may call a person `lfw/Ann_Lee`, the folders that its images are in."""
    plain = re.sub(r"[\s_]+", " ", name.rpartition("/")[2].casefold()).strip()
    return int.from_bytes(xxhash.xxh3_64_digest(plain.encode("utf-8", "surrogatepass")), "big", signed=True)
