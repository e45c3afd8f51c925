"""Replay official trainings with the recipes that ship with femb, and print the largest deviations.

    python benchmarks/recipes.py SHARED [CASE...]

SHARED is the directory with golden/recipes: the inputs and figures of official training code, run in float64. The table
is that of docs/recipes.md; a case takes 25 to 60 s of one core.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "tests/helpers"))

from official_recipes import SHIPPED, Case

COLUMNS = {
    "loss": ("loss",),
    "rate": ("lr",),
    "gradient norms": ("grad_norm_backbone", "grad_norm_classifier"),
    "weights and buffers": ("weights", "tensors"),
    "their change": ("change",),
}
"""The columns of the table, and the kinds of deviations of which each shows the largest."""


def main() -> None:
    """Print one row of the table for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, help="directory with golden/recipes")
    parser.add_argument("cases", nargs="*", default=list(SHIPPED), help="all if left out")
    arguments = parser.parse_args()
    print(f"| case | recipe | {' | '.join(COLUMNS)} |")
    print(f"|---|---|{'--:|' * len(COLUMNS)}", flush=True)
    for name in arguments.cases:
        deviations = deviations_of(arguments.shared, name)
        cells = [max(deviations[kind] for kind in kinds) for kinds in COLUMNS.values()]
        print(f"| `{name}` | `{SHIPPED[name][0]}` | {' | '.join(map(rounded, cells))} |", flush=True)


def deviations_of(shared: Path, name: str) -> dict[str, float]:
    """Replay a case and return its largest deviations by kind."""
    case = Case(shared, name)
    with pytest.MonkeyPatch.context() as monkeypatch, tempfile.TemporaryDirectory() as folder:
        return case.compare(case.replay(Path(folder), monkeypatch))


def rounded(deviation: float) -> str:
    """Return a deviation with two digits."""
    return "0" if deviation == 0 else f"{deviation:.1e}".replace("e-0", "e-")


if __name__ == "__main__":
    main()
