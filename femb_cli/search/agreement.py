"""How well groups agree with known people: pairwise and BCubed precision, recall and F-measure.

BCubed: A. Bagga and B. Baldwin, "Entity-based cross-document coreferencing using the vector space model", ACL 1998. It
is a mean over images, where pairwise figures are over pairs and so are ruled by the largest groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """Precision, recall and F-measure (their harmonic mean), each in [0, 1].

    Attributes:
        pairwise_precision: share of the pairs inside groups that show one person; 1 if there are none.
        pairwise_recall: share of the pairs of one person that are inside a group; 1 if there are none.
        bcubed_precision: mean over images of the share of its group that shows its person.
        bcubed_recall: mean over images of the share of its person's images that are in its group.
    """

    pairwise_precision: float
    pairwise_recall: float
    bcubed_precision: float
    bcubed_recall: float

    @property
    def pairwise_f(self) -> float:
        """Harmonic mean of precision and recall of pairs."""
        return _harmonic_mean(self.pairwise_precision, self.pairwise_recall)

    @property
    def bcubed_f(self) -> float:
        """Harmonic mean of precision and recall of BCubed."""
        return _harmonic_mean(self.bcubed_precision, self.bcubed_recall)

    def to_json(self) -> dict[str, float]:
        """Return all six figures by name."""
        return {
            "pairwise_precision": self.pairwise_precision,
            "pairwise_recall": self.pairwise_recall,
            "pairwise_f": self.pairwise_f,
            "bcubed_precision": self.bcubed_precision,
            "bcubed_recall": self.bcubed_recall,
            "bcubed_f": self.bcubed_f,
        }


def agreement(groups: Sequence[NDArray[np.int64]], people: Sequence[str]) -> Agreement:
    """Compare groups with people.

    Args:
        groups: the rows of each group; together they are all rows, each once.
        people: the person of each row, at least one.
    """
    group_N = np.empty(len(people), dtype=np.int64)
    for number, rows in enumerate(groups):
        group_N[rows] = number
    names, person_N = np.unique(people, return_inverse=True)
    both = np.unique(group_N * len(names) + person_N, return_counts=True)
    shared_K, count_K = both[0], both[1].astype(np.float64)
    group_sizes, person_sizes = np.bincount(group_N), np.bincount(person_N)
    together = _num_pairs(count_K).sum()
    return Agreement(
        pairwise_precision=_share(together, _num_pairs(group_sizes).sum()),
        pairwise_recall=_share(together, _num_pairs(person_sizes).sum()),
        bcubed_precision=float((count_K**2 / group_sizes[shared_K // len(names)]).sum() / len(people)),
        bcubed_recall=float((count_K**2 / person_sizes[shared_K % len(names)]).sum() / len(people)),
    )


def _num_pairs(sizes: NDArray[np.number]) -> NDArray[np.number]:
    return sizes * (sizes - 1) / 2


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 1.0


def _harmonic_mean(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0
