"""The parts of a report: all results together, or one benchmark each where there are too many for one plot."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from femb_cli.evaluation.report.style import COLOURS
from femb_cli.evaluation.verification.result import Verification

MOST_CURVES = len(COLOURS)
"""With more curves in one plot, two have the same colour."""
MOST_CURVES_OF_SEVERAL = 4
"""The same where both models and benchmarks differ: with more, nobody finds the two curves to compare."""


@dataclass(frozen=True)
class Part:
    """The results that share figures.

    Attributes:
        title: display name of the benchmark; empty if the part has all results.
        suffix: what the names of its figures end in; empty if the part has all results.
        places: places of its results among all.
    """

    title: str
    suffix: str
    places: tuple[int, ...]


def parts_of(results: Sequence[Verification]) -> list[Part]:
    """Return one part, or a part for each benchmark if there are several, and more results than curves in one plot."""
    titles = list(dict.fromkeys(result.title for result in results))
    most = MOST_CURVES if len({result.model for result in results}) == 1 else MOST_CURVES_OF_SEVERAL
    if len(titles) == 1 or len(results) <= most:
        return [Part("", "", tuple(range(len(results))))]
    parts: list[Part] = []
    for title in titles:
        places = tuple(place for place, result in enumerate(results) if result.title == title)
        suffix = "_" + re.sub(r"[^\w.-]+", "_", results[places[0]].benchmark)
        if any(part.suffix == suffix for part in parts):
            suffix += f"_{len(parts) + 1}"
        parts.append(Part(title, suffix, places))
    return parts
