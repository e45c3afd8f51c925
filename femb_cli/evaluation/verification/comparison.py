"""Compare the models that were verified on the same pairs: which one is better, and can the pairs tell?

Shape suffix: N pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.differences import Difference, Draw, ScoredNetwork, all_differences
from femb_cli.evaluation.metrics.resampling import resample_same_pairs, resample_subjects
from femb_cli.evaluation.metrics.roc import allowed_false_accepts
from femb_cli.evaluation.text_column import sorted_numbers
from femb_cli.evaluation.verification.confidence import BY_PAIR, BY_SUBJECT, MOST_PAIRS_BY_SUBJECT
from femb_cli.evaluation.verification.result import Verification
from femb_cli.evaluation.verification.score import accuracy_over_folds

MOST_PAIRS_OF_ALL_RESAMPLES = 200_000
"""Longer lists get fewer resamples, in inverse proportion, because the time grows with pairs times resamples."""
RATES = ("1e-2", "1e-3", "1e-4")
"""False match rates at which models are compared, where the impostor pairs allow a false match."""
_RESAMPLES, _FEWEST_RESAMPLES = 1000, 200
_MOST_MODELS_EACH_WITH_EACH = 4
_HEADLINE_RATE = "1e-3"
_SEED = 0


@dataclass(frozen=True)
class Comparison:
    """Two models on the same pairs.

    Attributes:
        title: display name of the benchmark.
        first: place of the first model's result among the results.
        second: place of the second model's result.
        differences: difference of each metric, first - second, by its name: `accuracy`, `eer`, `auc` and
            `fnmr_at_fmr_RATE`; rates in [0, 1].
        method: how the intervals were computed: `bootstrap over subjects` or `bootstrap over pairs`.
        num_resamples: number of resamples.
    """

    title: str
    first: int
    second: int
    differences: Mapping[str, Difference]
    method: str
    num_resamples: int

    @property
    def headline(self) -> str:
        """The metric of the sentence: the FNMR at 1e-3 if it can be measured, else at 1e-2, else the EER."""
        names = [f"fnmr_at_fmr_{rate}" for rate in (_HEADLINE_RATE, *RATES)] + ["eer"]
        return next(name for name in names if name in self.differences)

    def sentence(self, first: str, second: str) -> str:
        """Say in a sentence without its full stop which model is better.

        Args:
            first: name of the first model.
            second: name of the second model.
        """
        found = self.differences[self.headline]
        interval = found.interval
        fewer, low, high = -found.value, -interval.high, -interval.low
        if fewer < 0:
            # The model with fewer errors is the subject of the sentence.
            first, second, fewer, low, high = second, first, -fewer, -high, -low
        between = f"({100 * interval.level:g} % interval {_points(low)} to {_points(high)})"
        verdict = f"{first} is better" if found.better else "the pairs cannot tell them apart"
        points, rate = _points(fewer), self.headline.rpartition("_")[2]
        if self.headline == "eer":
            same = f"{first} and {second} have the same EER"
            difference = f"the EER of {first} is {points} percentage points below that of {second}"
        else:
            same = f"{first} and {second} reject equally many genuine pairs at FMR {rate}"
            difference = f"{first} rejects {points} percentage points fewer genuine pairs than {second} at FMR {rate}"
        if float(points) == 0:
            difference = same
        return f"On {self.title}, {difference} {between}: {verdict}"

    def to_json(self, results: Sequence[Verification]) -> dict[str, Any]:
        """Return the comparison as plain values.

        Args:
            results: the results that were compared.
        """
        first, second = results[self.first], results[self.second]
        differences = {
            name: {
                "first": found.first,
                "second": found.second,
                "difference": found.value,
                **asdict(found.interval),
                "better": (None, "first", "second")[found.better],
            }
            for name, found in self.differences.items()
        }
        return {
            "benchmark": first.benchmark,
            "first": {"result": self.first, "model": first.model},
            "second": {"result": self.second, "model": second.model},
            "method": self.method,
            "num_resamples": self.num_resamples,
            "differences": differences,
        }


def compare_models(results: Sequence[Verification]) -> list[Comparison]:
    """Compare the models that were verified on the same pairs.

    Up to four models are compared each with each other, further ones with the first. All models are scored on the same
    resamples: of subjects if they are known, else of pairs, as for the confidence intervals.

    Args:
        results: the verifications of all models on all lists of pairs.
    """
    comparisons = []
    for places in _same_pairs(results):
        if len(places) > 1:
            comparisons += _compare([results[place] for place in places], places)
    return comparisons


def _same_pairs(results: Sequence[Verification]) -> list[list[int]]:
    """Return the places of the results of each list of pairs."""
    lists: list[list[int]] = []
    for place, result in enumerate(results):
        for places in lists:
            if _are_same(results[places[0]], result):
                places.append(place)
                break
        else:
            lists.append([place])
    return lists


def _are_same(one: Verification, other: Verification) -> bool:
    """Whether two results are of the same pairs of the same benchmark; pairs without names may be any."""
    if one.title != other.title or len(one.pairs) != len(other.pairs):
        return False
    if one.pairs is other.pairs:
        return True
    same_images = (
        len(one.pairs.left) > 0 and one.pairs.left == other.pairs.left and one.pairs.right == other.pairs.right
    )
    return same_images and bool((one.genuine_N == other.genuine_N).all())


def _compare(results: Sequence[Verification], places: Sequence[int]) -> list[Comparison]:
    """Compare the results of one list of pairs."""
    numbers = range(len(results))
    few = len(results) <= _MOST_MODELS_EACH_WITH_EACH
    couples = list(combinations(numbers, 2)) if few else [(0, other) for other in numbers[1:]]
    method, num_resamples, differences = _differences(results, couples)
    return [
        Comparison(results[0].title, places[first], places[second], found, method, num_resamples)
        for (first, second), found in zip(couples, differences, strict=True)
    ]


def _differences(
    results: Sequence[Verification], couples: Sequence[tuple[int, int]]
) -> tuple[str, int, list[dict[str, Difference]]]:
    """Return the method, the number of resamples and the differences of each couple."""
    genuine_N = results[0].genuine_N
    num_resamples = _num_resamples(len(genuine_N))
    wanted = dict.fromkeys([*RATES, *results[0].operating_rates])
    rates = [rate for rate in wanted if allowed_false_accepts(float(rate), results[0].metrics.num_impostor)]
    networks = [_network(result) for result in results]
    by_subject = _draw_subjects(results[0], num_resamples)
    if by_subject is not None:
        try:
            return BY_SUBJECT, num_resamples, all_differences(networks, couples, genuine_N, by_subject, rates)
        except FembError:  # there are too few subjects to resample
            pass

    def by_pair(numbers_N: np.ndarray) -> Any:
        return resample_same_pairs(numbers_N, genuine_N, _generator(), num_resamples=num_resamples)

    return BY_PAIR, num_resamples, all_differences(networks, couples, genuine_N, by_pair, rates)


def _draw_subjects(result: Verification, num_resamples: int) -> Draw | None:
    """Return how to resample subjects; None if they are unknown, or there are too many pairs."""
    subjects = result.pairs.subjects() if len(result.pairs) <= MOST_PAIRS_BY_SUBJECT else None
    if subjects is None:
        return None
    left_N, right_N = sorted_numbers(*subjects)
    return lambda numbers_N: resample_subjects(
        numbers_N, result.genuine_N, left_N, right_N, _generator(), num_resamples=num_resamples
    )


def _network(result: Verification) -> ScoredNetwork:
    folds = accuracy_over_folds(result.scores_N, result.pairs, result.metrics.protocol, result.embedded)
    return ScoredNetwork(result.scores_N, folds.accepted_N.astype(bool), folds.accuracy)


def _num_resamples(num_pairs: int) -> int:
    """Return the number of resamples of a list of pairs."""
    fewer = _RESAMPLES * MOST_PAIRS_OF_ALL_RESAMPLES // num_pairs
    return max(_FEWEST_RESAMPLES, min(_RESAMPLES, fewer))


def _generator() -> np.random.Generator:
    """A generator with the same seed for every model, so that all get the same resamples."""
    return np.random.default_rng(_SEED)


def _points(share: float) -> str:
    """A difference in percentage points; a negative one has a minus sign."""
    text = f"{100 * share:.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")
