"""How many independent pairs a list of pairs is worth, where a person is in several pairs.

The variance of a rate counts the products of the deviations of all pairs that share a person: M. Fafchamps and F.
Gubert, "The formation of risk sharing networks", Journal of Development Economics 83, 2007; P. Aronow, C.
Samii and V. Assenova, "Cluster-robust variance estimation for dyadic data", Political Analysis 23, 2015. The number of
pairs is divided by its ratio to the variance of independent pairs: E. Korn and B. Graubard, "Confidence intervals for
proportions with small expected number of positive counts estimated from survey data", Survey Methodology 24, 1998.

Shape suffixes: N pairs, S people.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def effective_pairs(
    errors_N: NDArray[np.bool_], left_N: NDArray[np.integer[Any]], right_N: NDArray[np.integer[Any]]
) -> float:
    """Return the number of independent pairs whose rate of errors would vary as much as that of these pairs.

    Args:
        errors_N: whether each pair is an error.
        left_N: number of the person of the first image of each pair, from 0.
        right_N: number of the person of the second image.

    Returns:
        At most the number of pairs; all of them if there is no error or nothing else, because nothing is known then.
    """
    num_pairs = len(errors_N)
    rate = float(np.mean(errors_N)) if num_pairs else 0.0
    if rate in (0.0, 1.0):
        return float(num_pairs)
    occurs_S = np.zeros(int(max(left_N.max(), right_N.max())) + 1, dtype=bool)
    occurs_S[left_N] = occurs_S[right_N] = True
    num_people = int(np.count_nonzero(occurs_S))
    if num_people < 2:
        return float(num_pairs)
    deviations = errors_N - rate
    of_two = left_N != right_N
    totals_S = np.bincount(left_N, deviations, len(occurs_S))
    totals_S += np.bincount(right_N[of_two], deviations[of_two], len(occurs_S))
    # A pair of two people is in two totals, and must count once.
    products = float(np.square(totals_S[occurs_S]).sum() - np.square(deviations[of_two]).sum())
    variance = products * num_people / (num_people - 1)
    return num_pairs / max(1.0, variance / (num_pairs * rate * (1.0 - rate)))
