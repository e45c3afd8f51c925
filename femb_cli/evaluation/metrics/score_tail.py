"""The end of a list of scores in a few numbers: enough to say how many scores lie at or beyond a given one.

The scores of a hundred million pairs become fifty numbers: those at the ranks 1, 2, 3, 5, 7, 10, 20 and so on. A count
is exact at a rank, and lies between two neighbouring ranks elsewhere.

Shape suffix: N scores.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

_STEPS = (1, 2, 3, 5, 7)
"""The ranks in each power of ten."""

_DIGITS = 6
"""Decimals of a stored score: float32 embeddings give no more."""


@dataclass(frozen=True)
class ScoreTail:
    """The scores at some ranks of a list, the most extreme first.

    Attributes:
        end: `highest` counts ranks from the highest score, `lowest` from the lowest.
        ranks: ascending from 1; the last one is the number of scores.
        scores: the score at each rank, rounded to six decimals.
    """

    end: Literal["highest", "lowest"]
    ranks: tuple[int, ...]
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse ranks and scores that no list of scores has, as a damaged file may state them."""
        keys = [self._key(score) for score in self.scores]
        ascending = all(first < second for first, second in zip(self.ranks, self.ranks[1:], strict=False))
        if self.ranks[:1] != (1,) or len(self.ranks) != len(keys) or not ascending or keys != sorted(keys):
            raise ValueError(f"ranks {self.ranks} and scores {self.scores} are not those of a sorted list")

    @classmethod
    def of(cls, scores_N: ArrayLike, end: Literal["highest", "lowest"]) -> "ScoreTail":
        """Summarise one end of a list of at least one score."""
        ascending_N = np.sort(np.asarray(scores_N, dtype=np.float64))
        ordered_N = ascending_N if end == "lowest" else ascending_N[::-1]
        ranks = _ranks(len(ordered_N))
        return cls(end, ranks, tuple(round(float(ordered_N[rank - 1]), _DIGITS) for rank in ranks))

    @property
    def num_scores(self) -> int:
        """Number of scores in the list."""
        return self.ranks[-1]

    def count(self, score: float) -> tuple[int, int]:
        """Return the fewest and the most scores of the list that may lie at this score or beyond it."""
        reached = bisect_right([self._key(known) for known in self.scores], self._key(score))
        fewest = self.ranks[reached - 1] if reached else 0
        return fewest, self.ranks[reached] - 1 if reached < len(self.ranks) else self.num_scores

    def _key(self, score: float) -> float:
        """Return a number that is smaller for a more extreme score."""
        return -score if self.end == "highest" else score


def _ranks(num_scores: int) -> tuple[int, ...]:
    """Return the ranks to store of so many scores."""
    ranks, power = [], 1
    while power <= num_scores:
        ranks += [step * power for step in _STEPS if step * power < num_scores]
        power *= 10
    return (*ranks, num_scores)
