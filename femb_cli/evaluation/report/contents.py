"""What a report of verification results is made of.

Shape suffix: N pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.metrics.groups import GroupComparison
from femb_cli.evaluation.metrics.intervals import Interval
from femb_cli.evaluation.metrics.quality import DiscardCurve, PartialArea, partial_area
from femb_cli.evaluation.report.hardest import PicturedPair
from femb_cli.evaluation.verification.score import VerificationMetrics


class Result(Protocol):
    """What a report needs of one model's outcome on one set of pairs."""

    @property
    def benchmark(self) -> str:
        """The set's name."""

    @property
    def title(self) -> str:
        """Its name in words."""

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def flip(self) -> str:
        """How mirror images were used: `none` or `sum`."""

    @property
    def metrics(self) -> VerificationMetrics:
        """The figures."""

    @property
    def scores_N(self) -> NDArray[np.float64]:
        """Cosine of every pair."""

    @property
    def genuine_N(self) -> NDArray[np.bool_]:
        """Whether it shows one person."""

    def to_json(self) -> dict[str, Any]:
        """The figures with what they are of; plain values."""


@dataclass(frozen=True, eq=False)
class ReportContents:
    """What a report shows of a result where it is known.

    Attributes:
        intervals: confidence intervals by figure: `accuracy`, `eer`, `auc`, `tar_at_far_1e-3` and so on; rates in
            [0, 1].
        interval_kind: how they were made, such as `bootstrap over subjects`.
        quality: what the images' quality is, such as `magnitude of the embedding`.
        discard: FNMR over the pairs discarded by that quality.
        groups: comparisons of groups of pairs.
        hardest: genuine and impostor pairs to show, the hardest of each kind first.
        card: what is known about the model, by name.
        warnings: what is odd about the pairs, in sentences.
    """

    intervals: Mapping[str, Interval] = field(default_factory=dict)
    interval_kind: str = ""
    quality: str = ""
    discard: DiscardCurve | None = None
    groups: Sequence[GroupComparison] = ()
    hardest: Sequence[PicturedPair] = ()
    card: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    @property
    def discard_area(self) -> PartialArea | None:
        """The area below the discard curve up to 20 %, if it goes that far."""
        if self.discard is None or self.discard.discard_T[-1] < 0.2:
            return None
        return partial_area(self.discard)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the pictures as plain values."""
        curve, area = self.discard, self.discard_area
        return {
            "intervals": {name: asdict(interval) for name, interval in self.intervals.items()},
            "interval_kind": self.interval_kind,
            "quality": self.quality,
            "discard": None if curve is None else {"share": curve.discard_T.tolist(), "fnmr": curve.fnmr_T.tolist()},
            "discard_area": None if area is None else asdict(area),
            "groups": [comparison.to_json() for comparison in self.groups],
            "hardest": [
                {"left": pair.left, "right": pair.right, "genuine": pair.genuine, "score": pair.score}
                for pair in self.hardest
            ],
            "card": dict(self.card),
            "warnings": list(self.warnings),
        }
