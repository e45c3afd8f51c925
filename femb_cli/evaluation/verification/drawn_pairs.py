"""Draw pairs of images of some people for verification, where no list of pairs exists.

Shapes: N images, P pairs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class DrawnPairs(NamedTuple):
    """Pairs of images: the genuine ones, and then as many impostor pairs.

    Attributes:
        left_P: places of the first images, int64.
        right_P: places of the second images, int64.
        genuine_P: bool, whether both show the same person.
    """

    left_P: NDArray[np.int64]
    right_P: NDArray[np.int64]
    genuine_P: NDArray[np.bool_]


def draw_pairs(labels_N: NDArray[np.integer], most: int, seed: int = 0) -> DrawnPairs:
    """Draw genuine pairs and the same number of impostor pairs; no pair is drawn twice.

    Every person has the same share of the genuine pairs, as far as they have enough images.

    Args:
        labels_N: who is in each image.
        most: the largest number of pairs of each kind.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    people = [random.permutation(np.flatnonzero(labels_N == label)) for label in np.unique(labels_N)]
    num_genuine = sum(len(images) * (len(images) - 1) // 2 for images in people)
    num_impostor = len(labels_N) * (len(labels_N) - 1) // 2 - num_genuine
    number = min(most, num_genuine, num_impostor)
    pairs = [*_genuine_pairs(people, number, random), *_impostor_pairs(people, number, random)]
    left_P, right_P = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return DrawnPairs(left_P, right_P, np.repeat([True, False], number))


def _genuine_pairs(people: list[NDArray[np.int64]], number: int, random: np.random.Generator) -> list[tuple[int, int]]:
    """Return one pair of each person, then a second one of each, and so on; those of a person stand together."""
    turns: list[tuple[int, int, tuple[int, int]]] = []
    for person, images in enumerate(people):
        left, right = np.triu_indices(len(images), 1)
        order = random.permutation(len(left))[:number]
        drawn = zip(images[left[order]].tolist(), images[right[order]].tolist(), strict=True)
        turns += [(turn, person, pair) for turn, pair in enumerate(drawn)]
    return [pair for _, _, pair in sorted(sorted(turns)[:number], key=lambda entry: entry[1])]


def _impostor_pairs(people: list[NDArray[np.int64]], number: int, random: np.random.Generator) -> list[tuple[int, int]]:
    """Draw two people and an image of each, again and again."""
    drawn: dict[tuple[int, int], tuple[int, int]] = {}
    while len(drawn) < number:
        left, right = (people[person] for person in random.choice(len(people), 2, replace=False).tolist())
        pair = int(random.choice(left)), int(random.choice(right))
        drawn.setdefault((min(pair), max(pair)), pair)
    return list(drawn.values())
