"""The shipped recipes, small and in float64, beside the official trainers: every loss, rate, weight and buffer.

They run with `pytest -m slow`.
"""

import pytest
from official_recipes import SHIPPED, Case

TOLERANCE = 1e-9
# Gradients of these are 0 but for rounding, which Adam divides by its epsilon.
TOLERANCE_OF_CHANGE = {"at_vit_adamw": 1e-6}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_trains_as_the_official_code(shared, tmp_path, monkeypatch, name):
    case = Case(shared, name)
    deviations = case.compare(case.replay(tmp_path, monkeypatch))
    limits = {kind: TOLERANCE_OF_CHANGE.get(name, TOLERANCE) if kind == "change" else TOLERANCE for kind in deviations}
    assert {kind: value for kind, value in deviations.items() if not value <= limits[kind]} == {}
