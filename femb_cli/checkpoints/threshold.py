"""The thresholds in a model's card: from which cosine on two images show one person, and where that was measured.

A threshold belongs to one network: each has its own scale of cosines. So `femb verify --store-threshold` measures it on
pairs and stores it with the weights, where `femb compare` finds it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache

from pydantic import TypeAdapter

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.score_tail import ScoreTail
from femb_cli.text import rate_text


@dataclass(frozen=True)
class Threshold:
    """The operating point of a network at one FMR.

    Attributes:
        fmr: the false match rate that was asked for, above 0 and below 1.
        cosine: two images show one person if their cosine is at least this.
        false_matches: number of impostor pairs that reach it.
        fnmr: share of the genuine pairs that do not reach it.
        fnmr_low: lower end of the 95 % interval of `fnmr`.
        fnmr_high: its upper end.
        intervals: how the interval was computed, such as `bootstrap over subjects`.
        measured_on: the benchmark or the pair list.
        flip: whether the embeddings of mirror images were added: `none` or `sum`.
        alignment: how the faces were aligned; `as given` if femb took the images as they are.
        impostor_scores: the highest scores of the impostor pairs.
        genuine_scores: the lowest scores of the genuine pairs.
    """

    fmr: float
    cosine: float
    false_matches: int
    fnmr: float
    fnmr_low: float
    fnmr_high: float
    intervals: str
    measured_on: str
    flip: str
    alignment: str
    impostor_scores: ScoreTail
    genuine_scores: ScoreTail

    def __post_init__(self) -> None:
        """Refuse rates and cosines that no measurement gives, as a damaged file may state them."""
        if not (0.0 < self.fmr < 1.0 and 0.0 <= self.fnmr <= 1.0 and abs(self.cosine) <= 1.0 + 1e-6):
            raise ValueError(f"threshold {self.cosine} at FMR {self.fmr} with FNMR {self.fnmr}")
        if self.flip not in ("none", "sum"):
            raise ValueError(f"flip {self.flip!r}")

    @property
    def at(self) -> str:
        """The FMR and the pairs that it was measured on, for messages: `FMR 1e-3 on lfw`."""
        return f"FMR {rate_text(self.fmr)} on {self.measured_on}"


def thresholds_to_text(thresholds: Sequence[Threshold]) -> str:
    """Return thresholds as JSON with sorted keys, so that equal thresholds are equal bytes."""
    return json.dumps([asdict(threshold) for threshold in thresholds], sort_keys=True)


def thresholds_from_text(text: str) -> tuple[Threshold, ...]:
    """Read what `thresholds_to_text` returned.

    Raises:
        ValueError: it is something else.
    """
    return _adapter().validate_json(text, strict=True)


def choose_threshold(thresholds: Sequence[Threshold], fmr: float | None, model: str) -> Threshold | None:
    """Return the threshold of an FMR.

    Args:
        thresholds: those in a model's card, the highest FMR first.
        fmr: the FMR; None for the highest one, which is measured best; there may be none then.
        model: the model's name, for the error.

    Raises:
        FembError: no threshold of this FMR is stored.
    """
    if fmr is None:
        return thresholds[0] if thresholds else None
    for threshold in thresholds:
        if threshold.fmr == fmr:
            return threshold
    stored = ", ".join(rate_text(threshold.fmr) for threshold in thresholds) or "none"
    raise FembError(
        f"{model} has no threshold at FMR {rate_text(fmr)} (stored: {stored})", hint=how_to_store(model, fmr)
    )


def how_to_store(model: str, fmr: float = 1e-3) -> str:
    """Return the command that stores a threshold with a model, on a benchmark whose files are here."""
    from femb_cli.evaluation.verification.benchmark_files import benchmark_here

    benchmark = benchmark_here()
    if benchmark is None:
        return f"femb verify --pairs ... --model {model} --store-threshold {rate_text(fmr)} measures one"
    return f"femb verify --dataset {benchmark} --model {model} --store-threshold {rate_text(fmr)} measures one"


@cache
def _adapter() -> TypeAdapter[tuple[Threshold, ...]]:
    return TypeAdapter(tuple[Threshold, ...])
