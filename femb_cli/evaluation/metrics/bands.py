"""Bands around ROC and DET curves: at each false match rate, the interval of the FNMR over resamples.

The intervals hold at each rate alone (pointwise), not for all rates together. For each resample the threshold is chosen
again, so that the band shows the spread of both error rates. S. Macskassy and F. Provost, "Confidence bands for ROC
curves: methods and an empirical study", ROC Analysis in AI workshop 2004, "vertical averaging".

Shape suffixes: R resamples, T points of a band.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.metrics.resampling import Resamples

_MOST_POINTS = 100


@dataclass(frozen=True, eq=False)
class ErrorBand:
    """The interval of the FNMR at each of some false match rates.

    Attributes:
        fmr_T: the false match rates, float64, ascending, in (0, 1].
        low_T: lower ends, float64, in [0, 1].
        high_T: upper ends, float64, in [0, 1].
        level: share of such intervals that contain the true FNMR, in (0, 1).
    """

    fmr_T: NDArray[np.float64]
    low_T: NDArray[np.float64]
    high_T: NDArray[np.float64]
    level: float


@dataclass(eq=False)
class BandRecorder:
    """Collects the error rates of resamples that are drawn for other metrics.

    Attributes:
        num_impostor: number of impostor pairs; the rates are multiples of its inverse.
    """

    num_impostor: int
    _fnmr_RT: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def fmr_T(self) -> NDArray[np.float64]:
        """The false match rates of the band: every multiple of one pair where they are few, then equal ratios."""
        numbers = np.rint(np.geomspace(1, self.num_impostor, _MOST_POINTS))
        return np.unique(numbers) / self.num_impostor

    def watch(self, resamples: Iterable[Resamples]) -> Iterator[Resamples]:
        """Yield the resamples unchanged, and keep their error rates."""
        for some in resamples:
            self._fnmr_RT.append(_fnmr_at_fmrs(some, self.fmr_T))
            yield some

    def band(self, *, level: float = 0.95) -> ErrorBand:
        """Return the band of the resamples seen so far."""
        fnmr_RT = np.concatenate(self._fnmr_RT)
        low_T, high_T = np.quantile(fnmr_RT, [(1.0 - level) / 2, (1.0 + level) / 2], axis=0)
        return ErrorBand(self.fmr_T, low_T, high_T, level)


def _fnmr_at_fmrs(resamples: Resamples, fmr_T: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each resample's lowest FNMR with at most floor(FMR x its impostor pairs) false matches, (R, T)."""
    num_impostor_R1 = resamples.impostor_RT[:, -1:]
    # The small number undoes the rounding of fmr_T, whose multiples are whole numbers of pairs.
    allowed_RT = np.floor(fmr_T * num_impostor_R1 + 1e-6)
    lenient_RT = [
        np.searchsorted(impostor_T, allowed_T, side="right") - 1
        for impostor_T, allowed_T in zip(resamples.impostor_RT, allowed_RT, strict=True)
    ]
    accepted_RT = np.take_along_axis(resamples.genuine_RT, np.stack(lenient_RT), axis=1)
    return 1.0 - accepted_RT / resamples.genuine_RT[:, -1:]
