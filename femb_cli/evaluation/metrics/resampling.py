"""Resamples of scored pairs for confidence intervals; either pairs or subjects are drawn.

A resample gives every pair a weight: how often it was drawn. No pair is copied. The weights are summed at the
thresholds of `roc_points`, so that memory does not grow with the number of resamples or, if pairs are drawn, with the
number of pairs.

Pairs (`resample_pairs`): B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993: genuine and impostor
pairs are drawn separately, with replacement. This is correct only if all pairs are independent. Pairs that share a
person are not, and the intervals are then too narrow.

Subjects (`resample_subjects`): R. Bolle, N. Ratha and S. Pankanti, "Error analysis of pattern recognition systems: the
subsets bootstrap", Computer Vision and Image Understanding 93, 2004, draw subjects, because these are independent. An
impostor pair belongs to two subjects, and its weight is the product of their weights: A. Owen and D. Eckles,
"Bootstrapping data arrays of arbitrary order", Annals of Applied Statistics 6, 2012, https://arxiv.org/abs/1106.2125.
This estimate of the variance is too large, by a factor of up to three if subjects make no difference at all.

Shape suffixes: N pairs, G genuine pairs, I impostor pairs, S subjects, R resamples, T thresholds, descending.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.roc import RocCurve, roc_curve, roc_points

_WEIGHTS_PER_BLOCK = 1 << 20
_WEIGHTS_IN_CACHE = 1 << 16


@dataclass(frozen=True, eq=False)
class Resamples:
    """Some resamples of one list of scored pairs, each as a ROC curve.

    Attributes:
        threshold_T: float64, descending; infinity first, the lowest score last.
        genuine_RT: int64, total weight of the genuine pairs that score at least the threshold.
        impostor_RT: int64, total weight of the impostor pairs that score at least the threshold.
    """

    threshold_T: NDArray[np.float64]
    genuine_RT: NDArray[np.int64]
    impostor_RT: NDArray[np.int64]


def resample_pairs(
    curve: RocCurve, generator: np.random.Generator, *, num_resamples: int = 1000
) -> Iterator[Resamples]:
    """Draw as many genuine pairs as there are, and as many impostor pairs, with replacement.

    The numbers of drawn pairs at the thresholds follow a multinomial distribution, so they are drawn directly.

    Args:
        curve: the sorted scores.
        generator: the source of randomness.
        num_resamples: number of resamples; 1000 are enough for the ends of a 95 % interval.

    Returns:
        The resamples, in blocks of about a million weights. They need the thresholds, and no longer the curve.
    """
    points = roc_points(curve)
    genuine_T = _pairs_at_thresholds(1.0 - points.fnmr_T, len(curve.genuine_G))
    impostor_T = _pairs_at_thresholds(points.fmr_T, len(curve.impostor_I))

    def draw(num_rows: int) -> Resamples:
        genuine_RT = _multinomial(genuine_T, num_rows, generator)
        impostor_RT = _multinomial(impostor_T, num_rows, generator)
        return Resamples(points.threshold_T, genuine_RT.cumsum(axis=1), impostor_RT.cumsum(axis=1))

    return map(draw, _block_rows(num_resamples, len(points.threshold_T)))


def resample_subjects(
    scores_N: ArrayLike,
    genuine_N: ArrayLike,
    left_N: ArrayLike,
    right_N: ArrayLike,
    generator: np.random.Generator,
    *,
    num_resamples: int = 1000,
) -> Iterator[Resamples]:
    """Draw as many subjects as there are, with replacement.

    The weight of a genuine pair is how often its subject was drawn; the weight of an impostor pair is the product of
    how often its two subjects were drawn. The time grows with pairs times resamples, unlike that of `resample_pairs`.

    Args:
        scores_N: similarity of each pair, finite.
        genuine_N: true where both images show the same person.
        left_N: subject of the first image of each pair, of any type that can be sorted.
        right_N: subject of the second image of each pair.
        generator: the source of randomness.
        num_resamples: number of resamples.

    Yields:
        The resamples, in blocks of about a million weights.

    Raises:
        FembError: as `roc_curve`; if the numbers of subjects and pairs differ, or the subjects contradict the flags; or
            if a resample has no pair of one kind because there are too few subjects.
    """
    pairs = _SortedPairs.of(scores_N, genuine_N)
    left, right, num_subjects = _subject_numbers(left_N, right_N, pairs.genuine_N)
    (left_G, left_I), (_, right_I) = pairs.by_kind(left), pairs.by_kind(right)
    one_each = np.ones(num_subjects, dtype=np.int64)
    for num_rows in _block_rows(num_resamples, max(len(pairs.threshold_T), num_subjects)):
        drawn_SR = _multinomial(one_each, num_rows, generator).astype(np.int32).T.copy()
        resamples = pairs.weighted_by_subjects(drawn_SR, left_G, (left_I, right_I))
        if not (resamples.genuine_RT[:, -1].all() and resamples.impostor_RT[:, -1].all()):
            raise FembError(
                f"{num_subjects} subjects are too few to resample: some draws have no genuine or no impostor pair",
                hint="resample pairs instead, or use a list with more subjects",
            )
        yield resamples


def resample_same_pairs(
    scores_N: ArrayLike, genuine_N: ArrayLike, generator: np.random.Generator, *, num_resamples: int = 1000
) -> Iterator[Resamples]:
    """Draw genuine and impostor pairs as `resample_pairs`, but the same ones for every list of scores.

    Two networks' scores of the same pairs, with generators of the same seed, get the same resamples, so that their
    metrics can be subtracted. The time grows with pairs times resamples.

    Args:
        scores_N: similarity of each pair, finite.
        genuine_N: true where both images show the same person.
        generator: the source of randomness.
        num_resamples: number of resamples.

    Yields:
        The resamples, in blocks of about a million weights.

    Raises:
        FembError: as `roc_curve`.
    """
    pairs = _SortedPairs.of(scores_N, genuine_N)
    num_genuine = int(np.count_nonzero(pairs.genuine_N))
    numbers = (num_genuine, len(pairs.genuine_N) - num_genuine)
    # A generator for each kind, so that the draws do not depend on the blocks, which the thresholds decide about.
    drawers = list(zip(numbers, generator.spawn(2), strict=True))
    for num_rows in _block_rows(num_resamples, pairs.num_weights):
        genuine_RG, impostor_RI = (
            _times_drawn(number, num_rows, of_kind).astype(np.int32) for number, of_kind in drawers
        )
        yield pairs.weighted(genuine_RG[:, pairs.genuine.order], impostor_RI[:, pairs.impostor.order])


@dataclass(frozen=True, eq=False)
class _SortedPairs:
    """Scored pairs of both kinds, grouped by the highest threshold that accepts them.

    Attributes:
        genuine_N: whether each pair is genuine.
        threshold_T: the thresholds.
        genuine: the order of the genuine pairs.
        impostor: the order of the impostor pairs.
    """

    genuine_N: NDArray[np.bool_]
    threshold_T: NDArray[np.float64]
    genuine: "_GroupedPairs"
    impostor: "_GroupedPairs"

    @classmethod
    def of(cls, scores_N: ArrayLike, genuine_N: ArrayLike) -> "_SortedPairs":
        threshold_T = roc_points(roc_curve(scores_N, genuine_N)).threshold_T
        genuine = np.asarray(genuine_N, dtype=bool)
        # Index of the highest threshold that accepts each pair; the infinite threshold has index 0.
        first_accepting = len(threshold_T) - np.searchsorted(threshold_T[::-1].copy(), scores_N, side="right")
        first_accepting = first_accepting.astype(np.int32)
        grouped = (_GroupedPairs.of(first_accepting[kind]) for kind in (genuine, ~genuine))
        return cls(genuine, threshold_T, *grouped)

    @property
    def num_weights(self) -> int:
        """Number of weights that a resample takes in memory."""
        return max(len(self.threshold_T), len(self.genuine_N))

    def by_kind(self, values_N: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return a number of each genuine and of each impostor pair, group after group."""
        return values_N[self.genuine_N][self.genuine.order], values_N[~self.genuine_N][self.impostor.order]

    def weighted_by_subjects(
        self, drawn_SR: NDArray[np.int32], left_G: NDArray[np.int32], subjects_2I: Sequence[NDArray[np.int32]]
    ) -> Resamples:
        """Return the resamples in which subjects were drawn so often; those of the pairs in the order of `by_kind`."""
        num_thresholds = len(self.threshold_T)
        return Resamples(
            self.threshold_T,
            self.genuine.accepted_of_subjects(drawn_SR, [left_G], num_thresholds),
            self.impostor.accepted_of_subjects(drawn_SR, subjects_2I, num_thresholds),
        )

    def weighted(self, genuine_RG: NDArray[np.int32], impostor_RI: NDArray[np.int32]) -> Resamples:
        """Return the resamples in which the pairs have these weights, in the order of `by_kind`."""
        num_thresholds = len(self.threshold_T)
        return Resamples(
            self.threshold_T,
            self.genuine.accepted(genuine_RG, num_thresholds),
            self.impostor.accepted(impostor_RI, num_thresholds),
        )


@dataclass(frozen=True, eq=False)
class _GroupedPairs:
    """Pairs of one kind, grouped by the highest threshold that accepts them.

    Attributes:
        order: the pairs, group after group.
        thresholds: number of each group's threshold.
        starts: place of each group's first pair.
    """

    order: NDArray[np.intp]
    thresholds: NDArray[np.int32]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, first_accepting: NDArray[np.int32]) -> "_GroupedPairs":
        order = np.argsort(first_accepting, kind="stable")
        thresholds, starts = np.unique(first_accepting[order], return_index=True)
        return cls(order, thresholds, starts)

    def accepted_of_subjects(
        self, drawn_SR: NDArray[np.int32], subjects: Sequence[NDArray[np.int32]], num_thresholds: int
    ) -> NDArray[np.int64]:
        """As `accepted`, where the weight of a pair is the product of how often its subjects were drawn.

        Some pairs at a time are weighted, in all resamples: their weights stay in the processor's cache, and the
        draws of a subject lie side by side.
        """
        weights_TR = np.zeros((num_thresholds, drawn_SR.shape[1]), dtype=np.int64)
        ends = np.append(self.starts[1:], len(self.order))
        # So many weights add up to a number of 32 bits.
        most = np.iinfo(np.int32).max // max(1, int(drawn_SR.max())) ** 2
        at_once = max(1, min(_WEIGHTS_IN_CACHE // drawn_SR.shape[1], most))
        for start in range(0, len(self.order), at_once):
            pairs = slice(start, start + at_once)
            first, last = np.searchsorted(ends, start, side="right"), np.searchsorted(self.starts, start + at_once)
            weights_PR = drawn_SR.take(subjects[0][pairs], axis=0)
            for others in subjects[1:]:
                weights_PR *= drawn_SR.take(others[pairs], axis=0)
            starts = np.maximum(self.starts[first:last] - start, 0)
            weights_TR[self.thresholds[first:last]] += np.add.reduceat(weights_PR, starts, axis=0, dtype=np.int32)
        return np.ascontiguousarray(weights_TR.T).cumsum(axis=1)

    def accepted(self, weights_RN: NDArray[np.int32], num_thresholds: int) -> NDArray[np.int64]:
        """Total weight of the pairs that each threshold accepts, (resamples, thresholds)."""
        weights_RT = np.zeros((len(weights_RN), num_thresholds), dtype=np.int64)
        weights_RT[:, self.thresholds] = np.add.reduceat(weights_RN, self.starts, axis=1, dtype=np.int64)
        return weights_RT.cumsum(axis=1)


def _subject_numbers(
    left_N: ArrayLike, right_N: ArrayLike, genuine_N: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """The subjects of the pairs, numbered from 0, and the number of subjects."""
    left, right = np.asarray(left_N), np.asarray(right_N)
    if left.shape != genuine_N.shape or right.shape != genuine_N.shape:
        raise FembError(f"every pair needs two subjects: {genuine_N.shape} pairs, {left.shape} and {right.shape}")
    contradicting = (left == right) != genuine_N
    if contradicting.any():
        pair = int(np.argmax(contradicting))
        kind = "genuine" if genuine_N[pair] else "an impostor pair"
        raise FembError(
            f"pair {pair} (counted from 0) is {kind}, but its subjects are {left[pair]} and {right[pair]}",
            hint="check the names of the subjects, or resample pairs instead",
        )
    subjects = np.union1d(np.unique(left), np.unique(right))
    left_numbers, right_numbers = (np.searchsorted(subjects, side).astype(np.int32) for side in (left, right))
    return left_numbers, right_numbers, len(subjects)


def _pairs_at_thresholds(accepted_T: NDArray[np.float64], num_pairs: int) -> NDArray[np.int64]:
    """Number of pairs that each threshold accepts but the next stricter one does not, from shares of accepted pairs."""
    accepted = np.rint(accepted_T * num_pairs).astype(np.int64)
    # The first threshold is infinite and accepts none.
    return np.append(np.zeros(1, dtype=np.int64), accepted[1:] - accepted[:-1])


def _multinomial(counts_T: NDArray[np.int64], num_rows: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw as many items as the counts add up to, with replacement; return how many are of each kind, (rows, T)."""
    drawn_RT = np.zeros((num_rows, len(counts_T)), dtype=np.int64)
    # NumPy gives the rest from rounding to the last kind, so kinds with a count of 0 are left out.
    possible = np.flatnonzero(counts_T)
    num_draws = int(counts_T.sum())
    drawn_RT[:, possible] = generator.multinomial(num_draws, counts_T[possible] / num_draws, size=num_rows)
    return drawn_RT


def _times_drawn(number: int, num_rows: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw as many items as there are, with replacement; return how often each was drawn, (rows, items).

    It is four times as fast as `_multinomial`, which can also draw items of different probabilities.
    """
    drawn = generator.integers(0, number, size=(num_rows, number))
    drawn += number * np.arange(num_rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=num_rows * number).reshape(num_rows, number)


def _block_rows(num_resamples: int, weights_per_row: int) -> Iterator[int]:
    """Number of resamples of each block."""
    most = max(1, _WEIGHTS_PER_BLOCK // weights_per_row)
    for start in range(0, num_resamples, most):
        yield min(most, num_resamples - start)
